"""Log lines: one a line, no secrets, whatever is thrown at them."""

import errno
import io
import json
import logging
import random
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

import pytest
import structlog

from tusd_py.config.settings import Log
from tusd_py.log import Frequent, configure, get_logger
from tusd_py.masking import escape_controls, mask_text

ROOT = Path(__file__).parents[2]
SECRETS = {
    "a header": {"headers": {"Authorization": "Bearer geheim-geheim", "Cookie": "session=geheim"}},
    "a header as a pair": {"headers": [("Authorization", "geheim"), ("X-One", "1")]},
    "a header as bytes": {"line": b"Authorization: Basic geheimgeheim"},
    "a header line in a text": {"request": "GET / HTTP/1.1\r\nCookie: a=geheim; b=geheim\r\nHost: x"},
    "a printed header": {"text": "<CIMultiDict('Authorization': 'Bearer geheimgeheim')>"},
    "a token": {"token": "geheim"},
    "a token with a prefix": {"access_token": "geheim"},
    "an api key": {"api_key": b"geheim"},
    "a nested password": {"a": {"b": [{"password": "geheim"}]}},
    "a link": {"url": "https://h/file/1?expires=5&sig=geheim&x=1"},
    "a presigned link": {"url": "https://b.s3/k?X-Amz-Credential=geheim%2F&X-Amz-Signature=geheim"},
    "a database": {"dsn": "x", "text": "cannot connect to postgresql://user:geheim@host/db"},
    "a database with an odd password": {"text": "postgresql://user:gehe@im/geheim@host/db"},
    "a libpq string": {"text": "host=h password=geheim user=u"},
    "a quoted password": {"text": "password='geheim geheim' user=u"},
    "a key of a store": {"text": '[s3] s3_secret_access_key = "geheim", private-key: geheim'},
    "a token for a user": {"text": "cannot connect to nats://geheim@host:4222"},
    "a JWT": {"text": "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJnZWhlaW0ifQ.c2ln here"},
    "a bearer in a sentence": {"text": "refused Bearer geheim-geheim of bob"},
    "nothing but a JWT": {"text": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJnZWhlaW0ifQ.c2ln"},
    "nothing but an API key": {"text": "tpk_0123456789abcdef_geheim"},
    "nothing but an upload pass": {"text": "tup_geheim.geheim"},
    "nothing but a ticket": {"text": "ttk_geheim.geheim"},
    "nothing but a share link": {"path": "/s/" + "geheim-_" * 6},
    "a secret in the event": {"event_text": "/?token=geheim"},
}


@pytest.fixture
def written() -> io.StringIO:
    """What a configured process writes."""
    stream = io.StringIO()
    configure(Log(format="json", level="debug"), stream=stream)
    return stream


def fail(message: str) -> NoReturn:
    raise ValueError(message)


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    lines = stream.getvalue().split("\n")
    assert lines.pop() == ""
    return [json.loads(line) for line in lines]


def hostile(chance: random.Random) -> str:
    alphabet = "a'\"\\{}[]%=\n\r\t\x00\x07\x1b\x7f\x85\x9b\u2028\u2029\u202e\u200b\ud800\U0001f600ä"
    return "".join(chance.choice(alphabet) for _ in range(chance.randrange(40)))


def test_an_event_has_its_fields_in_order(written: io.StringIO) -> None:
    get_logger("tusd_py.uploads").info(
        "upload.created", upload="0f", offset=5, is_new=True, rate=1.5, ref=None
    )
    (event,) = events(written)
    assert list(event) == [
        "timestamp",
        "level",
        "event",
        "logger",
        "upload",
        "offset",
        "is_new",
        "rate",
        "ref",
    ]
    assert event["level"] == "info"
    assert event["logger"] == "tusd_py.uploads"
    assert event["timestamp"].endswith("Z")
    assert (event["offset"], event["is_new"], event["ref"]) == (5, True, None)


def test_five_hundred_hostile_strings_give_one_json_line_each(written: io.StringIO) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201  # to be able to run it again
    chance = random.Random(seed)
    log = get_logger("tusd_py.test")
    for _ in range(250):
        log.info(
            hostile(chance),
            value=hostile(chance),
            nested={hostile(chance): [hostile(chance)]},
            **{hostile(chance): 1},
        )
        logging.getLogger("library").warning("%s", hostile(chance))
    text = written.getvalue()
    assert len(events(written)) == 500
    assert text.isascii()
    assert all(
        shown.isprintable() for event in events(written) for shown in [event["event"], event.get("value", "")]
    )


def test_what_json_cannot_say_is_said_somehow(written: io.StringIO) -> None:
    loop: list[object] = []
    loop.append(loop)
    get_logger("tusd_py").info(
        "odd",
        nan=float("nan"),
        big=10**5000,
        raw=b"\xff\n",
        loop=loop,
        where=Path("/x"),
        numbers={1, 2},
        view=memoryview(b"x"),
    )
    (event,) = events(written)
    assert (event["nan"], event["raw"], event["where"], event["numbers"]) == (
        "nan",
        "\\xff\\x0a",
        "/x",
        [1, 2],
    )


def test_nobody_fills_the_disk_with_one_value(written: io.StringIO) -> None:
    get_logger("tusd_py").info("long", value="x" * 10**6, raw=b"x" * 10**6)
    assert len(written.getvalue()) < 10_000


@pytest.mark.parametrize("fields", SECRETS.values(), ids=SECRETS.keys())
def test_planted_secrets_do_not_appear(written: io.StringIO, fields: dict[str, Any]) -> None:
    get_logger("tusd_py").warning(fields.get("event_text", "it.happened"), **fields)
    logging.getLogger("library").warning("fields %s", fields)
    try:
        fail(str(fields.get("text") or fields.get("url") or ""))
    except ValueError:
        get_logger("tusd_py").exception("it.broke")
        logging.getLogger("library").exception("it broke")
    assert len(events(written)) == 4
    for secret in ("geheim", "c2ln", "gehe@im"):
        assert secret not in written.getvalue()


@pytest.mark.parametrize("text", ["tpk_0123456789abcdef_geheim", "/s/" + "geheim-_" * 6, "tup_geheim"])
def test_a_line_for_every_request_has_no_secrets_either(written: io.StringIO, text: str) -> None:
    Frequent("tusd_py", "it.happened").info(path=text)
    (event,) = events(written)
    assert event["path"].endswith("***")
    assert "geheim" not in event["path"]


def test_what_is_no_secret_stays_readable() -> None:
    for text in [
        "https://h:8080/files/0f?x=1",
        "mail bob@example.org at 10:30",
        "upload_length=5, offset=7",
        "basic.example.org",
        "PATCH /files/abc: 204",
    ]:
        assert mask_text(text) == text
    assert mask_text("postgresql://u@h/db") == "postgresql://u@h/db"
    assert mask_text("postgresql://u:p@h/db?x=1") == "postgresql://u:***@h/db?x=1"
    assert mask_text("/file/1?expires=5&sig=abc&x=1") == "/file/1?expires=5&sig=***&x=1"


@pytest.mark.parametrize(
    "piece",
    [
        "a.-",
        "eyJ-",
        "eyJaaaaaa.",
        "http://a:",
        "password=",
        "?key=",
        "bearer ",
        "cookie  ",
        'secret="',
        "token '",
        "a:@",
        "nats://",
    ],
)
def test_hostile_text_costs_no_more_than_its_length(piece: str) -> None:
    text = (piece * 20_000)[:16_384] + "="
    started = time.process_time()
    mask_text(text)
    assert time.process_time() - started < 0.25


def test_controls_are_spelled_out() -> None:
    assert escape_controls("a\x1b[2J\n\u202eb") == "a\\x1b[2J\\x0a\\u202eb"
    assert escape_controls("a\n\tb\r", keep="\n\t") == "a\n\tb\\x0d"
    assert escape_controls("grün 😀") == "grün 😀"


def test_a_traceback_stays_in_its_line(written: io.StringIO) -> None:
    try:
        fail("bad\x1b[31m")
    except ValueError:
        get_logger("tusd_py").exception("it.broke", upload="0f")
    (event,) = events(written)
    assert event["exception"].startswith("Traceback (most recent call last):\n")
    assert "bad\\x1b[31m" in event["exception"]
    assert "exc_info" not in event


def test_libraries_take_the_same_way(written: io.StringIO) -> None:
    logging.getLogger("aiohttp.server").error("Error handling request from %s", "::1")
    structlog.get_logger("tusd_py.other").info("plain.structlog", upload="0f")
    logging.getLogger("botocore").debug("a request with its credentials")
    found = events(written)
    assert [(event["logger"], event["event"]) for event in found] == [
        ("aiohttp.server", "Error handling request from ::1"),
        ("tusd_py.other", "plain.structlog"),
    ]


def test_the_level_is_about_our_events(written: io.StringIO) -> None:
    configure(Log(format="json", level="warning"), stream=written)
    get_logger("tusd_py").info("unheard")
    get_logger("tusd_py").warning("heard")
    assert [event["event"] for event in events(written)] == ["heard"]


def test_configuring_twice_writes_once(written: io.StringIO) -> None:
    configure(Log(format="json"), stream=written)
    get_logger("tusd_py").info("once")
    assert len(events(written)) == 1


def test_context_goes_along(written: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r1", token="geheim"):
        get_logger("tusd_py").info("within")
    get_logger("tusd_py").bind(upload="0f").info("bound")
    within, bound = events(written)
    assert (within["request_id"], within["token"], bound["upload"]) == ("r1", "***", "0f")


def test_a_frequent_event_says_what_any_other_says(written: io.StringIO) -> None:
    fields: dict[str, str | float] = {
        "path": "/0f?sig=geheim",
        "client": "::1",
        "token": "geheim",
        "status": 201,
    }
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        Frequent("tusd_py.server", "request").info(**fields)
        get_logger("tusd_py.server").info("request", **fields)
    frequent, usual = events(written)
    assert {**frequent, "timestamp": ""} == {**usual, "timestamp": ""}
    assert list(frequent) == list(usual)


@pytest.mark.parametrize(
    "path", ["/files/0123abcd", "/files/b\xe4r", '/"quoted"', "/x?token=geheim", "eyJ" + "a" * 9]
)
@pytest.mark.parametrize(
    "more", [{}, {"token": "geheim"}, {"seconds": 0.25}, {"seconds": float("nan")}, {"n": 1 << 300}]
)
def test_a_frequent_event_is_written_as_any_other(
    written: io.StringIO, path: str, more: dict[str, Any]
) -> None:
    configure(Log(format="json"), stream=written, worker_index=3)
    Frequent("tusd_py.server", "request").info(path=path, status=201, **more)
    get_logger("tusd_py.server").info("request", path=path, status=201, **more)
    configure(Log(format="json"), stream=written)
    frequent, usual = (line.partition(", ")[2] for line in written.getvalue().splitlines())
    assert frequent == usual
    assert "geheim" not in frequent


def test_a_frequent_event_is_as_quiet_as_its_level(written: io.StringIO) -> None:
    configure(Log(format="json", level="warning"), stream=written)
    Frequent("tusd_py.server", "request").info(status=201)
    assert events(written) == []


def test_a_frequent_event_goes_to_the_application_where_nobody_configured(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, logger="tusd_py.server"):
        Frequent("tusd_py.server", "request").info(status=201)
    assert "status=201" in caplog.text


def test_every_event_carries_what_is_constant_in_its_process(written: io.StringIO) -> None:
    configure(Log(format="json"), stream=written, worker_index=3)
    get_logger("tusd_py").info("one")
    try:
        fail("two")
    except ValueError:
        get_logger("tusd_py").exception("two")
    configure(Log(format="json"), stream=written)
    assert [event["worker_index"] for event in events(written)] == [3, 3]


def test_a_console_gets_text_without_controls(written: io.StringIO) -> None:
    configure(Log(format="text"), stream=written)
    try:
        fail("bad\x1b[31m")
    except ValueError:
        get_logger("tusd_py").exception("it.broke", value="\x1b[2J", token="geheim")
    text = written.getvalue()
    assert "it.broke" in text
    assert "\x1b" not in text
    assert "geheim" not in text
    assert traceback.format_exc.__name__ not in text


def test_embedded_we_leave_the_applications_logging_alone(caplog: pytest.LogCaptureFixture) -> None:
    script = """
import logging, sys
from tusd_py.log import get_logger
log = get_logger("tusd_py.x")
log.info("unheard")
log.warning("upload.lost", upload="0f", token="geheim")
logging.basicConfig(format="HOST %(name)s %(levelname)s %(message)s", level="INFO", stream=sys.stdout)
log.info("upload.created", upload="0f", token="geheim", name="a\\nb")
import structlog
assert not structlog.is_configured()
"""
    outcome = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert outcome.stdout == "HOST tusd_py.x INFO upload.created upload=0f token=*** name=a\\x0ab\n"
    assert outcome.stderr == "upload.lost upload=0f token=***\n"


class _Full(io.StringIO):
    """A log on a disk that is full."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "no space left on device")


def test_a_log_that_cannot_be_written_stops_nobody(written: io.StringIO) -> None:
    configure(Log(format="json"), stream=_Full())
    get_logger("tusd_py.test").info("said.in.vain")
    assert not written.getvalue()
