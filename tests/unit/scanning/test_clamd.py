"""The client of clamd, against a real one, and one that breaks off and lies."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pyclamd
import pytest

from protocol.upload import Verdict
from tests.services.clamd import LIMIT, ClamdServer
from tests.services.clamd_proxy import BAD, ClamdProxy, Fault, faulty_clamd
from tusd_py.scanning.clamd import Clamd, Deadlines, Place
from tusd_py.scanning.scanner import NoVerdict
from tusd_py.scanning.specimens import EICAR, Wanted, specimens

SHORT = Deadlines(connect=10, send=0.5, verdict=0.5, total=60)
PATIENT = Deadlines(connect=10, send=10, verdict=10, total=60)


def client(socket: str, deadlines: Deadlines = PATIENT) -> Clamd:
    return Clamd(Place(socket=socket, host="", port=0), deadlines)


async def blocks(content: bytes, size: int = 1 << 18) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


@asynccontextmanager
async def broken(clamd: ClamdServer, *faults: Fault) -> AsyncIterator[tuple[Clamd, ClamdProxy]]:
    """A client whose clamd has these faults."""
    path = str(clamd.folder / "proxy")
    async with faulty_clamd(clamd.socket, path, seed=0) as proxy:
        proxy.faults = faults
        # Only silence has to be waited for.
        yield client(path, SHORT if Fault.SAYS_NOTHING in faults else PATIENT), proxy


@pytest.mark.parametrize("fault", BAD)
@pytest.mark.parametrize("content", [b"clean" * 1_000_000, EICAR], ids=["clean", "EICAR"])
async def test_a_broken_conversation_is_no_verdict(
    clamd_server: ClamdServer, fault: Fault, content: bytes
) -> None:
    async with broken(clamd_server, fault) as (clamd, proxy):
        with pytest.raises(NoVerdict):
            await clamd.scan(blocks(content))
        assert proxy.done == [fault]


async def test_an_answer_in_pieces_is_put_together(clamd_server: ClamdServer) -> None:
    async with broken(clamd_server, Fault.IN_PIECES) as (clamd, _):
        assert (await clamd.scan(blocks(b"clean"))).verdict is Verdict.CLEAN
        assert (await clamd.scan(blocks(EICAR))).verdict is Verdict.INFECTED


async def test_blocks_of_any_size_are_framed_rightly(clamd_server: ClamdServer) -> None:
    clamd = client(clamd_server.socket)
    assert (await clamd.scan(blocks(EICAR, size=1))).verdict is Verdict.INFECTED
    assert (await clamd.scan(blocks(bytes(LIMIT), size=LIMIT))).verdict is Verdict.CLEAN


@pytest.mark.parametrize("beyond", [1, 2 << 20])
async def test_what_is_longer_than_clamd_takes_is_unscannable(clamd_server: ClamdServer, beyond: int) -> None:
    clamd = client(clamd_server.socket)
    answer = await clamd.scan(blocks(EICAR + bytes(LIMIT - len(EICAR) + beyond)))
    assert (answer.verdict, answer.name) == (Verdict.UNSCANNABLE, "StreamMaxLength")


async def test_a_frozen_clamd_gives_no_verdict_in_time(own_clamd: ClamdServer) -> None:
    clamd = client(own_clamd.socket, SHORT)
    own_clamd.freeze()
    for content in (b"small", bytes(4 << 20)):
        with pytest.raises(NoVerdict, match=r"within 0\.5 s|took nothing for 0\.5 s"):
            await clamd.scan(blocks(content))
    own_clamd.wake()
    assert (await client(own_clamd.socket).scan(blocks(b"small"))).verdict is Verdict.CLEAN


async def test_a_clamd_that_dies_gives_no_verdict(own_clamd: ClamdServer) -> None:
    clamd = client(own_clamd.socket)
    own_clamd.freeze()
    scanning = [asyncio.create_task(clamd.scan(blocks(EICAR))) for _ in range(5)]
    await asyncio.sleep(0)
    own_clamd.kill()
    for one in await asyncio.gather(*scanning, return_exceptions=True):
        assert isinstance(one, NoVerdict)
    with pytest.raises(NoVerdict, match="cannot be asked"):
        await clamd.version()
    with pytest.raises(NoVerdict, match="cannot be reached"):
        await clamd.scan(blocks(EICAR))


async def test_a_clamd_that_hangs_up_on_its_greeting_leaves_no_socket_open(
    clamd_server: ClamdServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_words: object) -> None:
        raise BrokenPipeError

    opened = list[socket.socket]()
    connect = pyclamd.ClamdUnixSocket._init_socket

    def watched(control: pyclamd.ClamdUnixSocket) -> None:
        connect(control)
        opened.append(control.clamd_socket)

    monkeypatch.setattr(pyclamd.ClamdUnixSocket, "_init_socket", watched)
    monkeypatch.setattr(pyclamd.ClamdUnixSocket, "_send_command", break_off)
    with pytest.raises(NoVerdict, match="cannot be asked"):
        await client(clamd_server.socket).version()
    assert {one.fileno() for one in opened} == {-1}


async def test_many_scans_at_once_do_not_mix_up_their_verdicts(clamd_server: ClamdServer) -> None:
    clamd = client(clamd_server.socket)
    contents = [EICAR if number % 3 == 0 else b"%d" % number for number in range(60)]
    answers = await asyncio.gather(*(clamd.scan(blocks(content)) for content in contents))
    wanted = [Verdict.INFECTED if content is EICAR else Verdict.CLEAN for content in contents]
    assert [answer.verdict for answer in answers] == wanted


async def test_what_reading_raises_comes_out(clamd_server: ClamdServer) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"some"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await client(clamd_server.socket).scan(failing())


@pytest.mark.parametrize("version", [b"", b"ClamAV", b"OK", b"\xff"])
async def test_an_odd_version_is_no_version(clamd_server: ClamdServer, version: bytes) -> None:
    async with broken(clamd_server, Fault.NONE) as (clamd, proxy):
        assert (await clamd.version()).startswith("ClamAV ")
        proxy.version = version
        with pytest.raises(NoVerdict):
            await clamd.version()


def test_the_last_specimen_has_exactly_the_length_it_says() -> None:
    for size in (1000, 1 << 20, (1 << 20) + 12345):
        last = list(specimens(size))[-1]
        assert last.wanted is Wanted.NOT_CLEAN
        assert len(b"".join(last.blocks())) == size + 1
