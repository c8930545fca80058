"""What the client makes of servers that are broken, overloaded, somewhere else, or no tus servers at all."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests.harness.ports import free_port
from tusd_py.client import (
    GaveUp,
    MemoryStore,
    NotOffered,
    NotTus,
    Options,
    Progress,
    Rejected,
    Retries,
    SourceSpent,
    TusClient,
    UploadError,
    UploadGone,
    WrongAnswer,
)

from .strange import Answerer, Kept, Strange, is_proven, said, times

MIB = 1 << 20
SOON = Retries(times=3, first_wait=0.01, longest_wait=0.05)
OFTEN = Retries(times=50, first_wait=0.01, longest_wait=0.05)
QUICKLY = Options(retries=SOON, timeout=5)


def client_of(strange: Strange, options: Options = QUICKLY, **more: object) -> TusClient:
    return TusClient(strange.url, options=options, **more)  # type: ignore[arg-type]  # passed on as they came


async def pieces(*blocks: bytes) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block


async def send(strange: Strange, content: object, options: Options = QUICKLY, **more: object) -> str:
    async with strange.running(), client_of(strange, options, **more) as client:
        return (await client.upload(content)).url  # type: ignore[arg-type]  # any of what can be sent


@pytest.mark.parametrize("status", [409, 423, 429, 460, 500, 502, 503, 507])
async def test_what_may_pass_is_tried_again(status: int) -> None:
    strange = Strange(instead=times(2, lambda: said(status), "PATCH"))
    await send(strange, b"x" * 2 * MIB)
    assert strange.only.content == b"x" * 2 * MIB
    assert strange.count("HEAD") == 2, "the offset is asked for after each failure"


@pytest.mark.parametrize("date", ["soon", "Fri, 31 Dec 99999999999 23:59:59 GMT", "Fri, 31 Dec 1999"])
async def test_a_date_to_come_back_at_that_is_none_is_passed_over(date: str) -> None:
    await send(Strange(instead=times(1, lambda: said(503, {"Retry-After": date}), "POST")), b"x")


@pytest.mark.parametrize("method", ["OPTIONS", "POST", "HEAD"])
async def test_every_verb_is_tried_again(method: str) -> None:
    fails = times(1, lambda: web.Response(status=503), method)
    breaks = times(1, lambda: said(500), "PATCH")

    async def instead(request: web.Request) -> web.StreamResponse | None:
        return await fails(request) or await breaks(request)

    strange = Strange(instead=instead)
    await send(strange, pieces(b"x" * MIB, b"y" * MIB), Options(retries=SOON, held=MIB))
    assert strange.only.content == b"x" * MIB + b"y" * MIB


async def test_trying_ends_when_nothing_moves() -> None:
    told: list[str] = []
    strange = Strange(instead=times(99, lambda: said(503), "PATCH"))
    with pytest.raises(GaveUp, match="503 Service Unavailable; gave up after 4 attempts") as caught:
        await send(strange, b"x" * 2 * MIB, on_notice=told.append)
    assert caught.value.is_resumable
    assert len(told) == 3


async def test_progress_restores_patience() -> None:
    failed = False

    async def instead(request: web.Request) -> web.StreamResponse | None:
        nonlocal failed
        if request.method == "PATCH":
            failed = not failed
        return said(503) if request.method == "PATCH" and failed else None

    strange = Strange(instead=instead)
    one_try = Options(chunk_size=100, retries=Retries(times=1, first_wait=0.001), with_creation=0)
    await send(strange, b"x" * 1000, one_try)
    assert strange.count("PATCH") == 20


async def test_retry_after_is_waited_for_and_not_longer_than_allowed() -> None:
    told: list[str] = []
    strange = Strange(instead=times(1, lambda: said(503, {"Retry-After": "3600"}), "POST"))
    bounded = Options(retries=Retries(first_wait=0.001, longest_retry_after=0.2))
    await send(strange, b"x", bounded, on_notice=told.append)
    assert told[0].endswith("trying again in 0.2 s")


async def test_a_connection_on_which_nothing_moves_is_given_up() -> None:
    stalled = False

    async def instead(request: web.Request) -> web.StreamResponse | None:
        nonlocal stalled
        if request.method != "PATCH" or stalled:
            return None
        stalled = True
        await asyncio.sleep(30)
        return None

    strange = Strange(instead=instead)
    await send(strange, b"x" * 2 * MIB, Options(retries=OFTEN, timeout=0.2))
    assert strange.only.content == b"x" * 2 * MIB


async def test_a_refusal_in_the_middle_of_a_body_is_heard() -> None:
    strange = Strange(instead=times(1, lambda: said(413, text="ERR: too much for us"), "PATCH"))
    with pytest.raises(Rejected, match=r"413 .*too much for us") as caught:
        await send(strange, bytes(20 * MIB))
    assert caught.value.status == 413


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (lambda: web.Response(text="<html>hello"), "not a tus endpoint: POST .* 200 OK .*hello"),
        (lambda: web.Response(status=404), "not a tus endpoint: POST .* 404"),
        (lambda: web.Response(status=201, headers={"Location": "/files/1"}), "without Tus-Resumable"),
        (lambda: web.Response(status=301, headers={"Location": "/there"}), "redirection to '/there'"),
        (lambda: said(308, {"Location": "/there"}), "redirection to '/there'"),
    ],
)
async def test_who_speaks_no_tus_is_told_apart(answer: type[web.Response], text: str) -> None:
    with pytest.raises(NotTus, match=text):
        await send(Strange(instead=times(9, answer, "POST")), b"x")


async def test_who_speaks_no_http_is_told_apart() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org ready\r\n")
        await reader.read(1 << 16)
        writer.close()

    port = free_port()
    async with (
        await asyncio.start_server(serve, "127.0.0.1", port),
        TusClient(f"http://127.0.0.1:{port}/") as client,
    ):
        with pytest.raises(NotTus, match="no HTTP"):
            await client.upload(b"x")


async def test_nobody_there_is_tried_again_and_then_said() -> None:
    async with TusClient(f"http://127.0.0.1:{free_port()}/files/", options=QUICKLY) as client:
        with pytest.raises(
            GaveUp, match=r"cannot connect to 127\.0\.0\.1:[0-9]+: Connection refused; gave up after 4"
        ):
            await client.upload(b"x")


async def test_a_proxys_refusal_is_told_apart_from_the_servers() -> None:
    with pytest.raises(Rejected, match="not by a tus server") as caught:
        await send(Strange(instead=times(1, lambda: web.Response(status=401), "POST")), b"x")
    assert caught.value.status == 401


@pytest.mark.parametrize("location", ["", "ftp://127.0.0.1/x", "http://", "http://[::1/x"])
async def test_a_location_that_leads_nowhere_is_refused(location: str) -> None:
    with pytest.raises(WrongAnswer, match=r"no place for an upload|without the Location"):
        await send(Strange(location=location), b"x")


@pytest.mark.parametrize(
    "location", ["{path}", "http://127.0.0.1:{port}{path}", "//127.0.0.1:{port}{path}", "./0"]
)
async def test_a_location_may_be_relative(location: str) -> None:
    strange = Strange(location=location, extensions="creation")
    assert await send(strange, b"x") == f"http://127.0.0.1:{strange.port}/files/0"
    assert strange.only.content == b"x"


async def test_headers_go_to_the_host_that_was_named_only() -> None:
    told: list[str] = []
    strange = Strange(location="http://localhost:{port}{path}", extensions="creation")
    secrets = {"Authorization": "Bearer secret", "X-Api-Key": "secret"}
    await send(strange, b"x", headers=secrets, on_notice=told.append)

    at_home = [seen for seen in strange.seen if seen.headers["Host"].startswith("127.0.0.1")]
    abroad = [seen for seen in strange.seen if seen.headers["Host"].startswith("localhost")]
    assert [seen.method for seen in at_home] == ["OPTIONS", "POST"]
    assert [seen.method for seen in abroad] == ["PATCH"]
    assert all(secrets.items() <= seen.headers.items() for seen in at_home)
    assert not any("secret" in value for seen in abroad for value in seen.headers.values())
    assert "another host" in told[0]


async def test_passwords_are_not_taken_from_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password pw\n")
    monkeypatch.setenv("NETRC", str(netrc))
    strange = Strange()
    async with strange.running():
        for headers in ({}, {"Authorization": "Bearer x"}):
            async with client_of(strange, headers=headers) as client:
                await client.upload(b"x")
    heard = [seen.headers.get("Authorization") for seen in strange.seen if seen.method == "POST"]
    assert heard == [None, "Bearer x"]


async def test_a_proxy_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    strange = Strange()
    async with strange.running():
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{strange.port}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        async with TusClient("http://elsewhere.example/files/", options=QUICKLY) as client:
            assert (await client.upload(b"x")).url == "http://elsewhere.example/files/0"
        async with client_of(strange) as client:
            assert (await client.upload(b"x")).url == f"{strange.url}1"
    hosts = {seen.headers["Host"] for seen in strange.seen}
    assert hosts == {"elsewhere.example", f"127.0.0.1:{strange.port}"}


async def test_a_proxy_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    async with TusClient(
        "http://elsewhere.example/files/", options=Options(retries=Retries(times=0))
    ) as client:
        with pytest.raises(
            GaveUp, match=r"cannot connect to the proxy for elsewhere\.example: Connection refused"
        ):
            await client.upload(b"x")


@asynccontextmanager
async def proxy_that_says(status: int) -> AsyncIterator[tuple[str, list[bytes]]]:
    """To every CONNECT; its URL with a password, and what it heard."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 %d So\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://ann:geheim@127.0.0.1:{server.sockets[0].getsockname()[1]}", heard


async def failed_behind_a_proxy(status: int, monkeypatch: pytest.MonkeyPatch) -> tuple[UploadError, int]:
    """What an upload ends with, and how often the proxy was asked."""
    async with proxy_that_says(status) as (proxy, heard):
        monkeypatch.setenv("https_proxy", proxy)
        async with TusClient("https://elsewhere.example/files/", options=QUICKLY) as client:
            with pytest.raises(UploadError) as caught:
                await client.upload(b"x")
    return caught.value, len(heard)


@pytest.mark.parametrize("status", [502, 503, 504, 429])
async def test_a_proxy_that_cannot_get_through_now_is_asked_again(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed, asked = await failed_behind_a_proxy(status, monkeypatch)
    assert isinstance(failed, GaveUp)
    assert asked == 4
    assert f"the proxy for elsewhere.example answered CONNECT with {status}; gave up" in str(failed)
    assert "geheim" not in str(failed)


@pytest.mark.parametrize("status", [403, 407, 501])
async def test_a_proxy_that_refuses_for_good_is_asked_once(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed, asked = await failed_behind_a_proxy(status, monkeypatch)
    assert isinstance(failed, Rejected)
    assert "the proxy for elsewhere" in str(failed)
    assert (failed.status, asked) == (status, 1)
    assert "geheim" not in str(failed)


async def test_user_and_password_in_the_url_become_a_header() -> None:
    strange = Strange(extensions="creation")
    async with strange.running():
        url = strange.url.replace("http://", "http://me:p%40ss@")
        async with TusClient(url, options=QUICKLY) as client:
            uploaded = await client.upload(b"x")
    assert uploaded.url == f"{strange.url}0"
    wanted = "Basic " + base64.b64encode(b"me:p@ss").decode()
    assert {seen.headers["Authorization"] for seen in strange.seen} == {wanted}


async def test_an_upload_that_is_gone_begins_again() -> None:
    told: list[str] = []
    strange = Strange()
    lose = times(1, lambda: said(410, text="expired"), "PATCH")

    async def instead(request: web.Request) -> web.StreamResponse | None:
        return await lose(request)

    strange.instead = instead
    url = await send(strange, b"x" * 2 * MIB, on_notice=told.append)
    assert url.endswith("/files/1")
    assert strange.uploads["/files/1"].content == b"x" * 2 * MIB
    assert "beginning again from byte 0" in told[0]


async def test_a_server_that_loses_every_upload_is_given_up() -> None:
    strange = Strange(instead=times(99, lambda: said(404), "PATCH"))
    with pytest.raises(GaveUp, match="began 3 times"):
        await send(strange, b"x" * 2 * MIB)


async def test_a_stream_that_was_lost_cannot_begin_again() -> None:
    async def instead(request: web.Request) -> web.StreamResponse | None:
        return said(404) if request.headers.get("Upload-Offset") == str(MIB) else None

    with pytest.raises(SourceSpent, match="cannot be read again"):
        await send(Strange(instead=instead), pieces(bytes(MIB), bytes(MIB), b"x"), Options(held=MIB))


async def test_a_server_that_goes_back_gets_the_bytes_again_and_is_named() -> None:
    strange, told = Strange(), list[str]()
    damaged = False

    async def instead(request: web.Request) -> web.StreamResponse | None:
        nonlocal damaged
        if request.method == "PATCH" and request.headers["Upload-Offset"] == "2000" and not damaged:
            damaged = True
            del strange.only.content[500:]
        return None

    strange.instead = instead
    options = Options(chunk_size=1000, retries=SOON, with_creation=0)
    content = bytes(range(250)) * 12
    await send(strange, content, options, on_notice=told.append)
    assert strange.only.content == content
    assert any("went back from byte 2000 to 500" in text for text in told)


async def test_offsets_that_cannot_be_are_refused() -> None:
    beyond = {"Upload-Offset": "99", "Upload-Length": "10"}
    first = times(1, lambda: said(204, {"Upload-Offset": "99"}), "PATCH")

    async def instead(request: web.Request) -> web.StreamResponse | None:
        return said(200, beyond) if request.method == "HEAD" else await first(request)

    with pytest.raises(WrongAnswer, match="stands at 99 of 10 bytes, what is sent has 10"):
        await send(Strange(instead=instead), bytes(10), Options(retries=SOON, with_creation=0))


def skipping_to(offset: int, length: int) -> Answerer:
    """A server that keeps nothing of a body, and says once that it has everything before `offset`."""
    fails = times(1, lambda: said(503), "PATCH")
    skips = times(1, lambda: said(200, {"Upload-Offset": str(offset), "Upload-Length": str(length)}), "HEAD")

    async def instead(request: web.Request) -> web.StreamResponse | None:
        return await fails(request) or await skips(request)

    return instead


async def test_bytes_that_were_never_sent_are_not_believed_to_be_there() -> None:
    strange = Strange(instead=skipping_to(6 * MIB, 8 * MIB))
    with pytest.raises(WrongAnswer, match=r"has 6291456 bytes, and was sent 1048576"):
        await send(strange, bytes(8 * MIB), Options(retries=SOON, chunk_size=MIB))
    assert strange.count("PATCH") == 1


async def test_an_upload_with_a_hole_is_not_gone_on_with_by_the_next_call(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 8 * MIB)
    strange = Strange(instead=skipping_to(6 * MIB, 8 * MIB))
    async with strange.running(), client_of(strange, Options(retries=SOON, chunk_size=MIB)) as client:
        with pytest.raises(WrongAnswer):
            await client.upload(path)
        uploaded = await client.upload(path)
    assert (uploaded.url, uploaded.resumed_from) == (f"{strange.url}1", 0)
    assert strange.uploads["/files/1"].content == b"x" * 8 * MIB


async def test_bytes_of_a_stream_that_were_never_sent_are_not_let_go() -> None:
    strange = Strange(instead=skipping_to(1500, 9999))
    with pytest.raises(WrongAnswer, match=r"has 1500 bytes, and was sent 1000"):
        await send(strange, pieces(bytes(3000)), Options(retries=SOON, held=2000, chunk_size=1000))


async def test_bytes_of_a_part_that_were_never_sent_are_not_believed_to_be_there() -> None:
    strange = Strange(instead=skipping_to(2 * MIB, 2 * MIB))
    with pytest.raises(WrongAnswer, match=r"has 2097152 bytes, and was sent 1048576"):
        await send(strange, bytes(4 * MIB), Options(retries=SOON, chunk_size=MIB, parallel=2))


async def test_an_upload_that_begins_again_has_been_sent_nothing() -> None:
    strange = Strange()
    lose = times(1, lambda: said(410), "PATCH")
    claims = times(1, lambda: said(204, {"Upload-Offset": "2000"}), "PATCH")

    async def instead(request: web.Request) -> web.StreamResponse | None:
        if request.headers.get("Upload-Offset") == "1000":
            return await lose(request)
        if request.path.endswith("/1"):
            return await claims(request) or await stands(request)
        return None

    stands = times(1, lambda: said(200, {"Upload-Offset": "2000", "Upload-Length": "3000"}), "HEAD")
    strange.instead = instead
    with pytest.raises(WrongAnswer, match=r"files/1 has 2000 bytes, and was sent 1000"):
        await send(strange, bytes(3000), Options(retries=SOON, chunk_size=1000, with_creation=0))


async def test_a_creation_cannot_have_more_than_came_with_it() -> None:
    async def instead(request: web.Request) -> web.StreamResponse | None:
        if request.method != "POST":
            return None
        return said(201, {"Location": "/files/0", "Upload-Offset": "11"})

    strange = Strange(instead=instead)
    with pytest.raises(WrongAnswer, match=r"files/0 has 11 bytes, and was sent 10"):
        await send(strange, b"0123456789")
    assert strange.count("PATCH") == 0


async def test_an_answer_before_the_body_was_sent_confirms_none_of_the_rest() -> None:
    told: list[str] = []
    strange = Strange(instead=times(1, lambda: said(204, {"Upload-Offset": str(50 * MIB)}), "PATCH"))
    content = bytes(50 * MIB)
    await send(strange, content, on_notice=told.append)
    assert strange.only.content == content
    assert f"Upload-Offset is {50 * MIB}" in told[0]


async def test_what_an_earlier_call_sent_may_arrive_late(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(250)) * 12)
    strange, store = Strange(), MemoryStore()
    once = Options(retries=Retries(times=0), chunk_size=1000, with_creation=0)
    breaks = times(2, lambda: said(503), "PATCH")
    strange.instead = breaks
    async with strange.running(), client_of(strange, once, store=store) as client:
        with pytest.raises(GaveUp):
            await client.upload(path)

        async def instead(request: web.Request) -> web.StreamResponse | None:
            failed = await breaks(request)
            if failed is not None:
                # What a proxy held of the call before gets through only now.
                strange.only.content += path.read_bytes()[:2000]
            return failed

        strange.instead = instead
        again = Options(retries=SOON, chunk_size=500)
        async with client_of(strange, again, store=store) as other:
            await other.upload(path)
    assert strange.only.content == path.read_bytes()


@pytest.mark.parametrize("offset", ["+5", "-1", "5.0", "1_0", "\u0665", str(2**63)])
async def test_numbers_are_read_strictly(offset: str) -> None:
    async def instead(request: web.Request) -> web.StreamResponse | None:
        return said(200, {"Upload-Offset": offset}) if request.method == "HEAD" else None

    strange = Strange(instead=instead)
    async with strange.running(), client_of(strange) as client:
        with pytest.raises(WrongAnswer, match="Upload-Offset is "):
            await client.offset(f"{strange.url}1")


async def test_a_doubled_header_is_not_guessed_at() -> None:
    async def instead(request: web.Request) -> web.StreamResponse | None:
        answer = said(200, {"Upload-Offset": "1"})
        answer.headers.add("Upload-Offset", "2")
        return answer

    strange = Strange(instead=instead)
    async with strange.running(), client_of(strange) as client:
        with pytest.raises(WrongAnswer, match="Upload-Offset was sent 2 times"):
            await client.offset(f"{strange.url}1")


async def test_an_answer_that_took_nothing_is_no_progress() -> None:
    strange = Strange(instead=times(99, lambda: said(204, {"Upload-Offset": "0"}), "PATCH"))
    with pytest.raises(GaveUp, match="Upload-Offset is 0"):
        await send(strange, bytes(2 * MIB))


async def test_each_chunk_is_proven_and_a_damaged_one_sent_again() -> None:
    damaged = times(1, lambda: said(460), "PATCH")
    proven: list[bool] = []

    async def instead(request: web.Request) -> web.StreamResponse | None:
        if request.method == "PATCH":
            proven.append(is_proven(await request.read(), request.headers["Upload-Checksum"]))
        return await damaged(request)

    strange = Strange(instead=instead)
    await send(strange, b"x" * 2500, Options(retries=SOON, chunk_size=1000, checksum="sha1"))
    assert proven == [True] * 4
    assert strange.only.content == b"x" * 2500


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (Options(parallel=2), "does not announce concatenation"),
        (Options(checksum="md5"), "does not announce the checksum md5, but sha1, crc32c"),
    ],
)
async def test_what_is_not_announced_is_not_tried(options: Options, text: str) -> None:
    strange = Strange(extensions="creation")
    with pytest.raises(NotOffered, match=text):
        await send(strange, bytes(3 * MIB), options)
    assert strange.count("POST") == 0


async def test_options_that_a_proxy_answers_announce_nothing() -> None:
    strange = Strange(instead=times(1, lambda: web.Response(status=403), "OPTIONS"))
    await send(strange, b"x")
    assert strange.only.content == b"x"
    assert strange.count("PATCH") == 1


async def test_small_files_go_with_their_creation_where_that_is_taken() -> None:
    strange = Strange()
    await send(strange, b"x")
    assert strange.only.content == b"x"
    assert (strange.count("POST"), strange.count("PATCH")) == (1, 0)


async def test_a_creation_that_kept_a_part_of_the_body_is_gone_on_with() -> None:
    strange = Strange()

    async def instead(request: web.Request) -> web.StreamResponse | None:
        if request.method != "POST":
            return None
        strange.uploads["/files/0"] = Kept(10, bytearray((await request.read())[:4]))
        return said(201, {"Location": "/files/0", "Upload-Offset": "4"})

    strange.instead = instead
    await send(strange, b"0123456789")
    assert strange.only.content == b"0123456789"


@pytest.mark.parametrize("count", [0, 1, 5])
async def test_streams_of_any_length_arrive(count: int) -> None:
    strange = Strange()
    blocks = [bytes([number]) * 1000 for number in range(count)]
    await send(strange, pieces(*blocks), Options(held=1000, with_creation=0))
    assert strange.only.content == b"".join(blocks)
    assert strange.only.length == 1000 * count


async def test_the_length_of_a_stream_is_told_with_its_last_bytes() -> None:
    strange = Strange()
    await send(strange, pieces(bytes(1500), bytes(1500)), Options(held=1000))
    patches = [seen.headers for seen in strange.seen if seen.method == "PATCH"]
    assert [seen.get("Upload-Length") for seen in patches] == [None, None, "3000"]


async def test_a_length_that_was_not_taken_is_told_again() -> None:
    strange = Strange()

    async def instead(request: web.Request) -> web.StreamResponse | None:
        if request.headers.get("Upload-Length") != "1500" or request.headers["Upload-Offset"] == "1500":
            return None
        # The bytes are kept, their length and the answer are lost.
        strange.only.content += await request.read()
        return said(500)

    strange.instead = instead
    await send(strange, pieces(bytes(1500)), Options(held=1000, retries=SOON, with_creation=0))
    assert strange.only.length == len(strange.only.content) == 1500


async def test_a_stream_needs_a_server_that_takes_deferred_lengths() -> None:
    strange = Strange(extensions="creation")
    await send(strange, pieces(bytes(500)), Options(held=1000))
    with pytest.raises(NotOffered, match="creation-defer-length"):
        await send(strange, pieces(bytes(2000)), Options(held=1000))
    assert strange.count("POST") == 1, "a short stream has a length by the time it is created"


async def test_a_success_that_is_no_answer_is_refused() -> None:
    with pytest.raises(WrongAnswer, match="was answered 200 OK, which is no answer to that"):
        await send(Strange(instead=times(1, lambda: said(200), "POST")), b"x")


async def test_the_length_of_a_stream_is_told_to_who_watches_once_it_is_known() -> None:
    strange, told = Strange(), list[Progress]()
    async with strange.running(), client_of(strange, Options(held=1000)) as client:
        await client.upload(pieces(bytes(2500)), on_progress=told.append)
    assert told[-1] == Progress(sent=2500, confirmed=2500, length=2500)


async def test_deferred_lengths_are_refused_with_the_servers_words() -> None:
    refuses = times(1, lambda: said(400, text="ERR_INVALID_UPLOAD_LENGTH: missing"), "POST")
    with pytest.raises(Rejected, match=r"400 .*ERR_INVALID_UPLOAD_LENGTH"):
        await send(Strange(instead=refuses), pieces(bytes(2000)), Options(held=1000))


async def test_progress_is_told_in_bytes_of_the_whole() -> None:
    strange, told = Strange(), list[Progress]()
    async with strange.running(), client_of(strange, Options(parallel=2, chunk_size=MIB)) as client:
        with pytest.raises(UploadError):
            # This server makes no finals; how far the parts are is told before that shows.
            await client.upload(bytes(4 * MIB), on_progress=told.append)
    assert max(progress.confirmed for progress in told) == 4 * MIB
    assert {progress.length for progress in told} == {4 * MIB}
    assert all(progress.confirmed <= progress.sent <= 4 * MIB for progress in told)


async def test_a_watcher_that_fails_is_not_taken_for_a_broken_connection() -> None:
    def watch(progress: Progress) -> None:
        if progress.sent:
            raise ZeroDivisionError

    strange = Strange()
    async with strange.running(), client_of(strange) as client:
        with pytest.raises(ZeroDivisionError):
            await client.upload(bytes(20 * MIB), on_progress=watch)


async def test_deleting_what_is_gone_is_no_error_and_asking_for_it_is() -> None:
    strange = Strange()
    async with strange.running(), client_of(strange) as client:
        url = (await client.upload(b"x")).url
        assert await client.offset(url) == 1
        await client.terminate(url)
        await client.terminate(url)
        with pytest.raises(UploadGone):
            await client.offset(url)


async def test_a_file_that_changes_meanwhile_is_noticed_before_its_last_byte_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "growing.log"
    path.write_bytes(bytes(4 * MIB))
    strange = Strange()

    async def instead(request: web.Request) -> web.StreamResponse | None:
        if request.headers.get("Upload-Offset") == str(MIB):
            path.write_bytes(b"x" * 4 * MIB)
        return None

    strange.instead = instead
    with pytest.raises(UploadError, match=r"growing\.log changed while it was sent"):
        await send(strange, path, Options(chunk_size=MIB))
    assert len(strange.only.content) < 4 * MIB


async def test_a_client_outside_its_context_says_so() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await TusClient("http://127.0.0.1/").upload(b"x")
