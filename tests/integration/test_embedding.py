"""Uploads inside an application of somebody else's: setup_tus on aiohttp's own runner."""

import asyncio
from base64 import b64encode
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import ClientError, web

from tests.harness.wire import Address, Connection
from tests.harness.wire import request as wire_request
from tusd_py import (
    ConfigErrors,
    Forbidden,
    Identity,
    NewUpload,
    Refused,
    Scope,
    TusRunner,
    Unauthorized,
    Upload,
    UploadRejected,
    load_settings,
    setup_tus,
)
from tusd_py.access.authorize import Action
from tusd_py.assemble import embed
from tusd_py.assemble.parts import make_database
from tusd_py.metadata.workers import WorkerRows

from .hosted import hosted, settings_in
from .tiny import events

KIB = 1024


async def by_name(request: web.Request) -> Identity:
    """Whoever says a name is believed."""
    name = request.headers.get("X-Name", "")
    if not name:
        raise Unauthorized(headers={"WWW-Authenticate": "Name"})
    return Identity(tenant="", subject=name, scopes=frozenset({Scope.UPLOAD, Scope.READ}))


async def happened(condition: "asyncio.Future[None] | asyncio.Event", within: float = 20.0) -> None:
    async with asyncio.timeout(within):
        await (condition.wait() if isinstance(condition, asyncio.Event) else condition)


async def test_one_call_is_a_whole_upload_service(tmp_path: Path) -> None:
    app = web.Application()
    tus = setup_tus(app, "/files", settings=settings_in(tmp_path))
    async with hosted(app) as host:
        url = await host.create("/files/", 1000_000)
        assert url.startswith(f"{host.url}/files/")
        assert (await host.patch(url, 0, b"a" * 600_000)).status == 204
        assert (await host.ask("HEAD", url)).headers["Upload-Offset"] == "600000"
        assert (await host.patch(url, 600_000, b"b" * 400_000)).status == 204
        assert await host.content(url) == b"a" * 600_000 + b"b" * 400_000
        assert (await tus.ready()).ready
        assert b"tusd_uploads_finished 1.0" in tus.metrics.text()


@pytest.mark.parametrize("path", ["/files", "/files/"])
async def test_the_collection_answers_with_and_without_its_slash(tmp_path: Path, path: str) -> None:
    app = web.Application()
    setup_tus(app, path, settings=settings_in(tmp_path))
    async with hosted(app) as host:
        for collection in ("/files", "/files/"):
            assert await host.content(await host.create(collection, 5, b"hello")) == b"hello"


@pytest.mark.parametrize("path", ["files", "/a b", "/a/../b", "/a//b", "/a?b", "/{name}"])
def test_a_path_that_cannot_be_is_refused_at_once(path: str) -> None:
    with pytest.raises(ConfigErrors, match="base_path") as refused:
        setup_tus(web.Application(), path)
    assert "setup_tus(app, path)" in str(refused.value)


@pytest.mark.parametrize("path", ["", "/", "//"])
def test_the_root_of_an_application_is_not_a_path_below_it(path: str) -> None:
    with pytest.raises((Refused, ConfigErrors)):
        setup_tus(web.Application(), path)


def test_cors_settings_that_cannot_be_are_refused_at_once() -> None:
    settings = load_settings({"cors.allow_credentials": True})
    with pytest.raises(Refused, match="allow_credentials"):
        setup_tus(web.Application(), settings=settings)


async def test_two_mounts_share_nothing(tmp_path: Path) -> None:
    app = web.Application()
    one = setup_tus(app, "/one/", settings=settings_in(tmp_path / "1", uploads_max_size=10))
    two = setup_tus(app, "/two/", settings=settings_in(tmp_path / "2"))
    async with hosted(app) as host:
        url = await host.create("/one/", 5, b"hello")
        assert (await host.ask("POST", "/one/", Upload_Length="11")).status == 413
        assert (await host.ask("POST", "/two/", Upload_Length="11")).status == 201
        elsewhere = url.replace("/one/", "/two/")
        assert (await host.ask("HEAD", elsewhere)).status == 404
        assert (await host.ask("HEAD", url)).status == 200
    assert b"tusd_uploads_finished 1.0" in one.metrics.text()
    assert b"tusd_uploads_finished 0.0" in two.metrics.text()


async def test_uploads_know_where_a_sub_application_is_mounted(tmp_path: Path) -> None:
    team, app = web.Application(), web.Application()
    setup_tus(team, "/films/", settings=settings_in(tmp_path))
    app.add_subapp("/the/team", team)
    async with hosted(app) as host:
        parts = [
            await host.create("/the/team/films/", 3, b, Upload_Concat="partial") for b in (b"abc", b"def")
        ]
        assert all(part.startswith(f"{host.url}/the/team/films/") for part in parts)
        wanted = "final;" + " ".join(parts)
        final = await host.ask("POST", "/the/team/films/", Upload_Concat=wanted)
        assert await host.content(final.headers["Location"]) == b"abcdef"
        relative = "final;" + " ".join(part.removeprefix(host.url) for part in parts)
        final = await host.ask("POST", "/the/team/films", Upload_Concat=relative)
        assert await host.content(final.headers["Location"]) == b"abcdef"
        foreign = wanted.replace("/the/team", "")
        assert (await host.ask("POST", "/the/team/films", Upload_Concat=foreign)).status == 404


async def test_the_applications_own_routes_are_left_alone(tmp_path: Path) -> None:
    async def hello(_request: web.Request) -> web.Response:
        return web.Response(text="hello")

    async def crash(_request: web.Request) -> web.Response:
        raise ZeroDivisionError

    app = web.Application()
    app.router.add_get("/", hello)
    app.router.add_get("/crash", crash)
    setup_tus(app, "/files/", settings=settings_in(tmp_path))
    async with hosted(app) as host:
        for path, status in (("/", 200), ("/crash", 500), ("/nothing", 404), ("/filesystem", 404)):
            answer = await host.ask("GET", path)
            assert answer.status == status
            assert not {"Tus-Resumable", "X-Request-ID"} & set(answer.headers)


async def test_strangers_are_turned_away_before_the_first_byte(tmp_path: Path) -> None:
    app = web.Application()
    setup_tus(app, "/files/", settings=settings_in(tmp_path), identify=by_name)
    async with hosted(app) as host:
        refused = await host.ask("POST", "/files/", Upload_Length="5")
        assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Name")
        assert refused.text.startswith("ERR_UNAUTHORIZED: ")
        url = await host.create("/files/", 500_000, X_Name="alice")
        assert (await host.patch(url, 0, b"x" * 500_000, X_Name="bob")).status == 404
        for method in ("HEAD", "DELETE", "GET"):
            assert (await host.ask(method, url, X_Name="bob")).status == 404
        assert (await host.ask("HEAD", url, X_Name="alice")).headers["Upload-Offset"] == "0"


async def test_authorize_is_asked_on_every_verb(tmp_path: Path) -> None:
    asked: list[tuple[str, str, bool]] = []
    refused: set[Action] = set()

    async def authorize(identity: Identity, action: Action, upload: object) -> None:
        asked.append((identity.subject, action.value, upload is not None))
        if action in refused:
            raise Forbidden("not on Mondays")

    app = web.Application()
    setup_tus(app, "/files/", settings=settings_in(tmp_path), identify=by_name, authorize=authorize)
    async with hosted(app) as host:
        url = await host.create("/files/", 5, X_Name="al")
        await host.ask("HEAD", url, X_Name="al")
        await host.patch(url, 0, b"hello", X_Name="al")
        await host.content(url, X_Name="al")
        await host.ask("DELETE", url, X_Name="al")
        verbs = ("create", "offset", "append", "download", "terminate")
        assert asked == [("al", verb, verb != "create") for verb in verbs]

        url = await host.create("/files/", 5, X_Name="al")
        refused.update(Action)
        assert (await host.ask("POST", "/files/", Upload_Length="5", X_Name="al")).status == 403
        assert (await host.patch(url, 0, b"hello", X_Name="al")).status == 403
        for method in ("HEAD", "GET", "DELETE"):
            assert (await host.ask(method, url, X_Name="al")).status == 403
        refused.clear()
        assert (await host.ask("HEAD", url, X_Name="al")).headers["Upload-Offset"] == "0"


async def test_authorize_is_not_asked_about_somebody_elses_upload(tmp_path: Path) -> None:
    asked: list[str] = []

    async def authorize(_identity: Identity, action: Action, _upload: object) -> None:
        asked.append(action.value)

    app = web.Application()
    setup_tus(app, "/files/", settings=settings_in(tmp_path), identify=by_name, authorize=authorize)
    async with hosted(app) as host:
        url = await host.create("/files/", 5, X_Name="alice")
        assert (await host.ask("HEAD", url, X_Name="bob")).status == 404
        assert asked == ["create"]


async def test_pre_create_may_describe_an_upload_anew(tmp_path: Path) -> None:
    async def describe(identity: Identity, new: NewUpload) -> NewUpload:
        return new.with_metadata({"filename": f"{identity.subject}.txt", "filetype": "text/plain"})

    app = web.Application()
    setup_tus(app, "/files/", settings=settings_in(tmp_path), pre_create=describe)
    async with hosted(app) as host:
        url = await host.create("/files/", 5, b"hello")
        said = (await host.ask("HEAD", url)).headers["Upload-Metadata"]
        assert said.split(",")[0] == "filename " + b64encode(b"anonymous.txt").decode()
        assert "anonymous.txt" in (await host.ask("GET", url)).headers["Content-Disposition"]


@pytest.mark.parametrize("body", [b"", b"hello"])
@pytest.mark.parametrize("mistake", ["crash", "another owner"])
async def test_a_faulty_pre_create_makes_nothing_and_is_logged(
    tmp_path: Path, mistake: str, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def pre_create(_identity: Identity, new: NewUpload) -> NewUpload:
        if mistake == "crash":
            raise ZeroDivisionError("the secret detail")
        return replace(new, owner="mallory")

    app = web.Application()
    setup_tus(app, "/files/", settings=settings_in(tmp_path), pre_create=pre_create)
    async with hosted(app) as host:
        answer = await host.ask("POST", "/files/", body, Upload_Length="5")
        assert answer.status == 500
        assert "secret" not in answer.text
    assert "request.failed" in events(caplog.records)
    assert not list((tmp_path / "anonymous").rglob("*"))


async def test_pre_finish_has_the_last_word(tmp_path: Path) -> None:
    seen: list[int] = []

    async def pre_finish(upload: Upload) -> None:
        seen.append(upload.length or 0)
        if upload.length != 5:
            raise UploadRejected("five bytes, nothing else")

    app = web.Application()
    setup_tus(app, "/files/", settings=settings_in(tmp_path), pre_finish=pre_finish)
    async with hosted(app) as host:
        assert (await host.ask("POST", "/files/", b"hello!", Upload_Length="6")).status == 400
        url = await host.create("/files/", 500_000)
        assert (await host.patch(url, 0, b"x" * 500_000)).status == 400
        assert (await host.ask("HEAD", url)).status == 410
        assert await host.content(await host.create("/files/", 5, b"hello")) == b"hello"
        part = await host.create("/files/", 3, b"abc", Upload_Concat="partial")
        assert seen == [6, 500_000, 5]
        await host.ask("POST", "/files/", Upload_Concat=f"final;{part}")
        assert seen == [6, 500_000, 5, 3]


@pytest.mark.parametrize("size", [5, 500_000])
async def test_after_a_crash_of_pre_finish_the_client_tries_again(tmp_path: Path, size: int) -> None:
    calls: list[str] = []

    async def pre_finish(upload: Upload) -> None:
        calls.append(upload.id)
        if len(calls) == 1:
            raise ConnectionError("the other system is down")

    app = web.Application()
    setup_tus(app, "/files/", settings=settings_in(tmp_path), pre_finish=pre_finish)
    async with hosted(app) as host:
        url = await host.create("/files/", size)
        assert (await host.patch(url, 0, b"x" * size)).status == 500
        offset = int((await host.ask("HEAD", url)).headers["Upload-Offset"])
        assert offset < size
        assert (await host.patch(url, offset, b"x" * (size - offset))).status == 204
        assert await host.content(url) == b"x" * size
        assert len(calls) == 2


async def test_post_finish_is_told_once_of_every_file(tmp_path: Path) -> None:
    told: asyncio.Queue[tuple[str, int]] = asyncio.Queue()

    async def post_finish(upload: Upload) -> None:
        told.put_nowait((upload.id, upload.offset))

    app = web.Application()
    setup_tus(app, "/files/", settings=settings_in(tmp_path), post_finish=post_finish)
    async with hosted(app) as host, asyncio.timeout(20):
        whole = await host.create("/files/", 5, b"hello")
        assert await told.get() == (whole.rpartition("/")[2], 5)
        small = await host.create("/files/", 5)
        await host.patch(small, 0, b"hello")
        assert await told.get() == (small.rpartition("/")[2], 5)
        large = await host.create("/files/", 500_000)
        await host.patch(large, 0, b"x" * 500_000)
        assert await told.get() == (large.rpartition("/")[2], 500_000)
        empty = await host.create("/files/", 0)
        assert await told.get() == (empty.rpartition("/")[2], 0)
        part = await host.create("/files/", 3, b"abc", Upload_Concat="partial")
        final = (await host.ask("POST", "/files/", Upload_Concat=f"final;{part}")).headers["Location"]
        assert await told.get() == (final.rpartition("/")[2], 3)
    assert told.empty()


async def test_a_failing_post_finish_is_logged_and_hurts_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def post_finish(_upload: Upload) -> None:
        raise ZeroDivisionError

    app = web.Application()
    setup_tus(app, "/files/", settings=settings_in(tmp_path), post_finish=post_finish)
    async with hosted(app) as host:
        assert await host.content(await host.create("/files/", 5, b"hello")) == b"hello"
    assert events(caplog.records).count("callback.failed") == 1


async def test_stopping_waits_for_post_finish(tmp_path: Path) -> None:
    began, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def post_finish(_upload: Upload) -> None:
        began.set()
        await may_end.wait()
        ended.set()

    app = web.Application()
    setup_tus(app, "/files/", settings=settings_in(tmp_path), post_finish=post_finish)
    async with hosted(app) as host:
        await host.create("/files/", 5, b"hello")
        await happened(began)
        stopping = asyncio.create_task(host.runner.cleanup())
        await asyncio.sleep(0)
        may_end.set()
        await stopping
        assert ended.is_set()


async def test_a_service_that_cannot_open_stops_the_application_from_starting(tmp_path: Path) -> None:
    tmp_path.joinpath("file").write_text("not a folder")
    app = web.Application()
    setup_tus(app, settings=settings_in(tmp_path / "file"))
    with pytest.raises(Refused):
        async with hosted(app):
            pass


async def test_a_service_that_was_given_up_is_opened_anew(tmp_path: Path) -> None:
    app = web.Application()
    tus = setup_tus(app, settings=settings_in(tmp_path))
    async with hosted(app) as host:
        url = await host.create("/files/", 500_000)
        await host.patch(url, 0, b"a" * 300_000)
        await _bury_everybody(tmp_path)
        async with asyncio.timeout(30):
            while (await host.patch(url, 300_000, b"b" * 200_000)).status != 204:
                await asyncio.sleep(0.05)
        assert await host.content(url) == b"a" * 300_000 + b"b" * 200_000
        assert (await tus.ready()).ready


async def test_a_service_that_was_given_up_and_fails_to_close_is_opened_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embed, "OPEN_AGAIN_AFTER", 0.05)
    app = web.Application()
    setup_tus(app, settings=settings_in(tmp_path))
    async with hosted(app) as host:
        (lock,) = tmp_path.joinpath(".tusd", "workers").glob("*.lock")
        lock.unlink()
        lock.mkdir()  # which its owner cannot remove
        await _bury_everybody(tmp_path)
        async with asyncio.timeout(30):
            while "service.not_opened" not in events(caplog.records):
                await asyncio.sleep(0.05)
            while (await host.ask("POST", "/files/", Upload_Length="5")).status != 201:
                await asyncio.sleep(0.05)


async def _bury_everybody(folder: Path) -> None:
    database = make_database(settings_in(folder), migrate=False)
    await database.open()
    try:
        workers = WorkerRows(database)
        for worker in await workers.unburied():
            assert await workers.bury(worker.id)
    finally:
        await database.close()


async def test_what_was_received_is_saved_when_the_application_stops(tmp_path: Path) -> None:
    app = web.Application()
    settings = settings_in(tmp_path)
    setup_tus(app, settings=settings)
    async with hosted(app) as host, await Connection.open(host.address) as connection:
        url = await host.create("/files/", 500_000)
        path = url.removeprefix(host.url)
        head = (
            f"PATCH {path} HTTP/1.1\r\nHost: {host.address.host}:{host.address.port}\r\n"
            "Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Length: 500000\r\n"
            "Content-Type: application/offset+octet-stream\r\n\r\n"
        )
        await connection.send(head.encode(), b"x" * 400_000)
        async with asyncio.timeout(20):
            while not _received(tmp_path, 400_000):
                await asyncio.sleep(0.01)
        stopping = asyncio.create_task(host.runner.cleanup())
        answer = await connection.answer("PATCH")
        assert answer.status in (423, 503)
        await stopping
    again = web.Application()
    setup_tus(again, settings=settings)
    async with hosted(again) as host:
        assert (await host.ask("HEAD", path)).headers["Upload-Offset"] == "400000"


@pytest.mark.parametrize("whole", [True, False])
async def test_an_application_stops_although_a_callback_never_answers(tmp_path: Path, *, whole: bool) -> None:
    asked, cut_off = asyncio.Event(), asyncio.Event()

    async def pre_finish(_upload: Upload) -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            cut_off.set()

    app = web.Application()
    setup_tus(app, settings=settings_in(tmp_path, timeouts_shutdown="200ms"), pre_finish=pre_finish)
    async with hosted(app, shutdown_timeout=0.1) as host, asyncio.timeout(20):
        size = 5 if whole else 500_000
        url = await host.create("/files/", size)
        sending = asyncio.create_task(host.patch(url, 0, b"x" * size))
        await happened(asked)
        await host.runner.cleanup()
        assert cut_off.is_set()
        with suppress(ClientError):
            await sending


def _received(folder: Path, size: int) -> bool:
    return any(
        file.stat().st_size >= size for file in folder.joinpath("anonymous").rglob("*") if file.is_file()
    )


async def test_a_client_that_leaves_loses_nothing_where_handlers_are_cancelled(tmp_path: Path) -> None:
    app = web.Application()
    setup_tus(app, settings=settings_in(tmp_path, storage_preallocate=0))
    async with hosted(app, handler_cancellation=True) as host:
        url = await host.create("/files/", 500_000)
        async with await Connection.open(host.address) as connection:
            head = (
                f"PATCH {url.removeprefix(host.url)} HTTP/1.1\r\nHost: a\r\nTus-Resumable: 1.0.0\r\n"
                "Upload-Offset: 0\r\nContent-Length: 500000\r\n"
                "Content-Type: application/offset+octet-stream\r\n\r\n"
            )
            await connection.send(head.encode(), b"x" * 400_000)
            async with asyncio.timeout(20):
                while not _received(tmp_path, 300_000):
                    await asyncio.sleep(0.01)
            connection.cut()
        offset = int((await host.ask("HEAD", url)).headers["Upload-Offset"])
        assert offset > 0
        assert (await host.patch(url, offset, b"x" * (500_000 - offset))).status == 204
        assert await host.content(url) == b"x" * 500_000


async def test_compressed_bodies_are_refused_where_the_host_would_inflate_them(tmp_path: Path) -> None:
    app = web.Application()
    setup_tus(app, settings=settings_in(tmp_path))
    async with hosted(app) as host:
        url = await host.create("/files/", 500_000)
        with suppress(ConnectionError):
            answer = await host.patch(url, 0, b"\x1f\x8b" + b"x" * 400_000, Content_Encoding="gzip")
            assert answer.status == 415
        assert (await host.ask("HEAD", url)).headers["Upload-Offset"] == "0"


async def test_nothing_is_left_running_when_the_application_stopped(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    app = web.Application()
    setup_tus(app, settings=settings_in(tmp_path))
    async with hosted(app) as host:
        await host.create("/files/", 5, b"hello")
    assert asyncio.all_tasks() == before


async def test_our_runner_serves_the_sites_of_aiohttp(tmp_path: Path) -> None:
    app = web.Application()
    settings = settings_in(tmp_path)
    setup_tus(app, settings=settings)
    runner = TusRunner(app, settings=settings)
    try:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = Address("127.0.0.1", runner.addresses[0][1])
        async with await Connection.open(address) as connection:
            await connection.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20_000 + b"\r\n\r\n")
            assert (await connection.answer()).body.startswith(b"ERR_INVALID_HEADER: ")
        assert (await wire_request(address, "OPTIONS", "/files/")).status == 200
    finally:
        await runner.cleanup()
