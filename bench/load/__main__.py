"""The generator's program: one load per process, told and telling by lines on standard input and output.

    <- the load     -> "ready"     <- "go"     -> the outcome     <- end of input: let go

Instead of any of its lines it may say that it failed, and why.

Belongs here: that conversation. Not here: the kinds of load.
"""

import sys
import time
from dataclasses import replace

from bench.machine import allow_many_files

from .head import HeadSession
from .idle import IdleSession
from .large import LargeSession
from .loads import (
    FAILED,
    HeadLoad,
    IdleLoad,
    LargeLoad,
    Load,
    SlowLoad,
    SmallLoad,
    load_of_line,
    outcome_to_line,
)
from .session import Session
from .slow import SlowSession
from .small import SmallSession
from .wire import LoadFailed


def main() -> int:
    """The exit status."""
    allow_many_files()
    try:
        _converse()
    except (LoadFailed, OSError) as failure:
        _say(f"{FAILED}{type(failure).__name__}: {failure}".replace("\n", " "))
        return 1
    return 0


def _converse() -> None:
    session = _session(load_of_line(sys.stdin.readline()))
    _say("ready")
    sys.stdin.readline()
    before = time.process_time()
    outcome = session.run()
    _say(outcome_to_line(replace(outcome, cpu=time.process_time() - before)))
    sys.stdin.read()
    session.close()


def _session(load: Load) -> Session:
    match load:
        case LargeLoad():
            return LargeSession(load)
        case SmallLoad():
            return SmallSession(load)
        case HeadLoad():
            return HeadSession(load)
        case IdleLoad():
            return IdleSession(load)
        case SlowLoad():
            return SlowSession(load)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
