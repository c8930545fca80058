"""Logs: one event a line, no secrets, nothing that a terminal would obey.

`structlog` hands events to the standard library's `logging`, so that those of libraries take the same way
and an application that embeds us decides where they go: it never calls `configure`.

Belongs here: the way of an event to standard error. Not here: which events there are.
"""

import json
import logging
import math
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from .config.settings import Log
from .masking import MASK, SECRET_NAME, escape_controls, is_plain, mask_text

OURS = ("tusd_py", "storage_backends", "protocol")
"""The loggers that `log.level` is about; libraries are heard from `warning` on, or `info` while debugging."""
LONGEST_TEXT = 4096
"""Characters of one value; more are cut, so that nobody fills the disk with one header."""
LONGEST_TRACEBACK = 32768
DEEPEST = 6
"""Levels of nesting; what lies below is shown as text."""
_SAFE_BITS = 256
"""json.dumps raises for integers of thousands of digits."""
_UNFORMATTED = ("exc_info", "stack_info")
_FORMATTED_LATER = (*_UNFORMATTED, "positional_args")
_TRACES = ("exception", "stack_info")
"""Values that keep their line breaks: JSON escapes them, and on a terminal they are what a person wants."""
_FIRST = ("timestamp", "level", "event", "logger")


current_request: ContextVar[str] = ContextVar("current_request", default="")
"""The id of the request that is being answered; events carry it. structlog's own way costs ten times as much,
for every request, logged or not."""


class _Event(dict[str, Any]):
    """An event on its way through `logging`; as text for the formatters of an application that embeds us."""

    def __str__(self) -> str:
        fields = [f"{name}={value}" for name, value in self.items() if name != "event"]
        return " ".join([str(self.get("event", "")), *fields])


@dataclass(frozen=True, slots=True)
class _Outlet:
    """Where `configure` sent our events. By way of `logging`, each would cost four times as much."""

    handler: logging.StreamHandler[TextIO]
    render: Callable[[dict[str, Any]], str]
    is_json: bool

    def is_open(self) -> bool:
        """False once somebody took our handler away: then it is as if nobody had configured."""
        return self.handler in logging.root.handlers

    def write(self, logger: str, level: str, event: EventDict) -> None:
        self.put(self.line(logger, level, event))

    def line(self, logger: str, level: str, event: EventDict) -> str:
        """The event as it is written."""
        return self.render(
            {
                "timestamp": _now(),
                "level": level,
                "event": _clean(event.pop("event", ""), DEEPEST),
                "logger": logger,
                **mask_secrets(None, "", event),
            }
        )

    def put(self, line: str) -> None:
        # As `logging` does it: a full disk under the log, or nobody reading it, stops nobody.
        with self.handler.lock or nullcontext(), suppress(OSError, ValueError):
            self.handler.stream.write(line + "\n")
            self.handler.stream.flush()


_outlet: _Outlet | None = None
_constant: Mapping[str, str | int] = {}
"""What every event of this process carries."""


@lru_cache(maxsize=1)
def _second(since_epoch: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(since_epoch))


def _now() -> str:
    """As `_stamped` writes it, which takes the calendar apart for every event."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return f"{_second(seconds)}.{nanoseconds // 1000:06}Z"


_stamped = structlog.processors.TimeStamper(fmt="iso", utc=True)


def _straight_out(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Plain events of a process that we configured end here; all others take the long way."""
    if _outlet is None or not _outlet.is_open() or any(name in event for name in _FORMATTED_LATER):
        return event
    _outlet.write(logger.name, method, event)
    raise structlog.DropEvent


def _as_logging_call(
    _logger: WrappedLogger, _method: str, event: EventDict
) -> tuple[tuple[_Event], dict[str, Any]]:
    """The last of our processors: what to call the standard library's logger with."""
    passed = {name: event.pop(name) for name in _UNFORMATTED if name in event}
    return (_Event(event),), passed


def _add_known(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """What the process and the request are; an event may say otherwise."""
    if _constant:
        event = {**_constant, **event}
    if (request := current_request.get()) and "request_id" not in event:
        event["request_id"] = request
    return event


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The event with secrets masked, controls escaped, and nothing in it that JSON cannot say."""
    # Tracebacks are made into text by the formatter, and masked there.
    return dict(
        (name, value) if name in _UNFORMATTED else _shown(name, value, DEEPEST)
        for name, value in event.items()
    )


def _shown(name: object, value: object, depth: int) -> tuple[str, object]:
    known, is_secret = _judged(name if type(name) is str else str(name))
    if type(value) is str and not is_secret:  # nearly all of them
        return known, _clean_text(value)
    if is_secret and value is not None and not isinstance(value, bool):
        return known, MASK
    return known, _clean(value, depth)


@lru_cache(maxsize=1024)
def _judged(name: str) -> tuple[str, bool]:
    """A key as it may be shown, and whether its value may not."""
    return _clean_text(name), SECRET_NAME.search(name) is not None


@lru_cache(maxsize=1024)
def _is_plain_name(name: str) -> bool:
    """A key that is shown as it is, and its value, too."""
    return is_plain(name) and not _judged(name)[1]


def _clean(value: object, depth: int) -> object:
    match value:
        case str():  # nearly all of them
            return _clean_text(str(value))
        case None | bool():
            return value
        case int() if value.bit_length() <= _SAFE_BITS:
            return int(value)
        case float() if math.isfinite(value):
            return float(value)
        case bytes() | bytearray():
            return _clean_text(bytes(value[:LONGEST_TEXT]).decode("utf-8", "backslashreplace"))
        case Mapping() if depth:
            return dict(_shown(name, inner, depth - 1) for name, inner in value.items())
        case (str(name), inner) if depth:  # a header as a pair
            return list(_shown(name, inner, depth - 1))
        case Sequence() | set() | frozenset() if depth and not isinstance(value, memoryview):
            return [_clean(inner, depth - 1) for inner in value]
        case int():
            return hex(value)[:LONGEST_TEXT]
        case _:
            return _clean_text(str(value))


def _clean_text(text: str) -> str:
    if is_plain(text) and len(text) <= LONGEST_TEXT:
        return text
    # Masked before it is cut: half a secret would not be recognised. The first cut bounds the work.
    masked = escape_controls(mask_text(text[: 4 * LONGEST_TEXT]))
    return masked if len(masked) <= LONGEST_TEXT else f"{masked[:LONGEST_TEXT]}..."


def _take_apart(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Our own event out of the record's message, or a library's sentence, which nobody has masked yet."""
    record: logging.LogRecord = event["_record"]
    fields = record.msg if isinstance(record.msg, _Event) else {"event": _clean_text(event["event"])}
    return {**event, **fields, "logger": record.name, "level": record.levelname.lower()}


def _mask_traces(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for name in _TRACES:
        if name in event:
            event[name] = escape_controls(mask_text(str(event[name])[:LONGEST_TRACEBACK]), keep="\n\t")
    return event


def _drop_plumbing(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for name in ("_record", "_from_structlog"):
        event.pop(name, None)
    return event


def _in_order(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    first = {name: event[name] for name in _FIRST if name in event}
    return {**first, **event}


_CHAIN: list[Processor] = [
    structlog.stdlib.filter_by_level,
    structlog.contextvars.merge_contextvars,
    _add_known,
    _straight_out,
    structlog.stdlib.PositionalArgumentsFormatter(),
    mask_secrets,
    _as_logging_call,
]


def _plain_json(event: EventDict) -> str | None:
    """Its fields as JSON's encoder writes them; None unless all are numbers, or texts that need no look."""
    written = ""
    for name, value in event.items():
        kind = type(value)
        if kind is str and is_plain(value) and len(value) <= LONGEST_TEXT:
            shown = f'"{value}"'
        elif (kind is int and value.bit_length() <= _SAFE_BITS) or (kind is float and math.isfinite(value)):
            shown = repr(value)
        else:
            return None
        if not _is_plain_name(name):
            return None
        written += f', "{name}": {shown}'
    return written


class Frequent:
    """An event that is logged for every request: as from `get_logger(name).info(event)`, at less cost."""

    def __init__(self, name: str, event: str) -> None:
        self._name = name
        self._event = event
        self._head = f'"level": "info", "event": {json.dumps(event)}, "logger": {json.dumps(name)}'
        self._logging = logging.getLogger(name)
        self._logger = get_logger(name)

    def info(self, **fields: str | float | None) -> None:
        """Log it."""
        if _outlet is None or not _outlet.is_open():
            self._logger.info(self._event, **fields)
        elif self._logging.isEnabledFor(logging.INFO):
            event = _add_known(None, "", structlog.contextvars.merge_contextvars(None, "", {**fields}))
            plain = _plain_json(event) if _outlet.is_json else None
            if plain is None:
                _outlet.write(self._name, "info", {"event": self._event, **event})
            else:
                _outlet.put(f'{{"timestamp": "{_now()}", {self._head}{plain}}}')


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger that works without `configure`, too: then the application's `logging` decides."""
    logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=_CHAIN,
        wrapper_class=structlog.stdlib.BoundLogger,
        # Nothing that `configure` changes is in the logger; it would be made anew for every event.
        cache_logger_on_first_use=True,
    )
    return logger


def configure(settings: Log, *, stream: TextIO | None = None, **constant: str | int) -> None:
    """Send this process's events to `stream` (standard error), each with what is `constant` in this process.

    May be called again. Never when embedded.
    """
    global _outlet, _constant  # noqa: PLW0603 - as `logging` itself, one for the process
    out = sys.stderr if stream is None else stream
    handler = _handler(settings, out)
    _replace_handlers(handler)
    renderer = _renderer(settings, out)
    is_json = isinstance(renderer, structlog.processors.JSONRenderer)
    _outlet = _Outlet(handler, _line_of(renderer), is_json)
    _constant = constant
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=_CHAIN,
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    # Libraries at debug print requests with their credentials.
    logging.getLogger().setLevel(logging.INFO if level == logging.DEBUG else max(level, logging.WARNING))


def _line_of(renderer: Processor) -> Callable[[dict[str, Any]], str]:
    """How one event becomes a line. `structlog` would make a new JSON encoder for each."""
    if isinstance(renderer, structlog.processors.JSONRenderer):
        return json.JSONEncoder().encode
    return lambda event: cast(str, renderer(None, "", event))


def _replace_handlers(handler: logging.Handler) -> None:
    root = logging.getLogger()
    for old in [
        old for old in root.handlers if isinstance(old.formatter, structlog.stdlib.ProcessorFormatter)
    ]:
        root.removeHandler(old)
    root.addHandler(handler)


def _handler(settings: Log, out: TextIO) -> logging.StreamHandler[TextIO]:
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_take_apart],
            processors=[
                structlog.processors.format_exc_info,
                _mask_traces,
                _drop_plumbing,
                _stamped,
                _in_order,
                _renderer(settings, out),
            ],
        )
    )
    return handler


def _renderer(settings: Log, out: TextIO) -> Processor:
    is_console = out.isatty() if settings.format == "auto" else settings.format in ("console", "text")
    if not is_console:
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(
        colors=out.isatty() and not os.environ.get("NO_COLOR"),
        # The other formatters print local variables, and with them secrets.
        exception_formatter=structlog.dev.plain_traceback,
    )
