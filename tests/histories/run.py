"""Many histories against one server: how many, what was done in them, and the shortest that went wrong.

Belongs here: running and reporting. Not here: what a history is (steps.py, history.py).
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.crash.report import Outcome
from tests.harness.server import Server

from .history import History
from .service import SETTINGS, Service
from .steps import Step, histories

STEPS = 20
"""Of each history."""
SHRINK_FOR = 30.0
"""Seconds spent on a shorter history that goes wrong."""


async def agree_with_the_model(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """Measures nothing; remarks what was done how often, and what was answered."""
    counted: Counter[str] = Counter()
    began = time.monotonic()
    found = await asyncio.to_thread(first_divergence, server, outcome.seed, runs, counted)
    if found:
        outcome.broken("model", found)
    outcome.runs = counted.pop("histories", 0)
    if not found and outcome.runs < runs:
        outcome.broken("model", f"only {outcome.runs} histories of {runs} came to their end")
    done = ", ".join(f"{what}: {times}" for what, times in sorted(counted.items()))
    outcome.remarks.append(
        f"{counted.total()} answers and faults in {time.monotonic() - began:.0f} s; {done}"
    )
    return outcome


def first_divergence(
    server: Server, chosen: int, runs: int, counted: Counter[str], *, shrink_for: float = SHRINK_FOR
) -> str:
    """The shortest history found in which server and model differ; "" when none does.

    Starts the server, and leaves it running.
    """
    server.settings = {**server.settings, **SETTINGS}
    shortest: list[str] = []
    until = math.inf

    with asyncio.Runner() as runner, closing(Service(server=server, runner=runner)) as service:

        @seed(chosen)
        @settings(
            max_examples=runs,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            print_blob=False,
        )
        @given(steps=histories(STEPS))
        def agree(steps: Sequence[Step]) -> None:
            nonlocal until
            if time.monotonic() > until:
                return
            history = History(service, counted)
            try:
                history.run(steps)
            except Exception as diverged:
                # Whatever it is, it belongs to this history.
                until = min(until, time.monotonic() + shrink_for)
                found = [*map(str, steps), *history.heard, f"{type(diverged).__name__}: {diverged}"]
                if not shortest or len(found) < len(shortest):
                    shortest[:] = found
                raise

        try:
            agree()
        except Exception as error:  # noqa: BLE001 - whatever it was, the history says it
            # Flaky: the time is over, or a cut left something else when it was tried again.
            return "\n".join(shortest or [repr(error)])
    return ""
