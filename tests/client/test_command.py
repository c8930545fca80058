"""`tusd-py upload`, as a person runs it, against our own server."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.harness.checker import download
from tests.harness.content import Content
from tests.harness.cutting import CuttingProxy
from tests.harness.ports import free_port
from tests.harness.server import ROOT, Server, until
from tests.harness.wire import request

from .holding import HoldingProxy

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a command said."""

    code: int | None
    out: str
    err: str

    @property
    def told(self) -> list[dict[str, object]]:
        """With --json."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(slots=True, kw_only=True)
class Command:
    """Runs it in a folder, with a state of its own."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def memory(self) -> Path:
        return self.folder / "state" / "tusd-py" / "uploads.json"

    async def __call__(self, *arguments: str, stdin: bytes | None = None) -> Ended:
        async with self.started(*arguments) as process:
            out, err = await process.communicate(stdin)
        return Ended(code=process.returncode, out=out.decode(), err=err.decode())

    @asynccontextmanager
    async def started(self, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tusd_py", "upload", *arguments),
            cwd=self.folder,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "XDG_STATE_HOME": str(self.folder / "state"),
                **self.environ,
            },
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


@pytest.fixture
def upload(tmp_path: Path) -> Command:
    return Command(folder=tmp_path)


@pytest.fixture
def content(seed: int, tmp_path: Path) -> Content:
    made = Content(seed=seed, length=20 * MIB + 7)
    made.write_to(tmp_path / "big.bin")
    return made


async def arrived(server: Server, url: object, content: Content) -> bool:
    target = str(url)[str(url).index("/files/") :].strip()
    return await download(server.address, target) == (200, content.length, content.sha256())


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--chunk-size", "3MiB"),
        ("--checksum", "sha256"),
        ("--parallel", "3"),
        ("--parallel=2", "--checksum=crc32c", "--chunk-size=1MB"),
        ("--protocol", "ietf"),
        ("--protocol=ietf", "--digest", "--checksum=sha512", "--chunk-size=3MiB"),
        ("--digest", "--parallel", "2"),
        ("--no-resume", "--quiet"),
        ("--timeout", "30s", "--retries", "3", "--retry-for", "1m"),
    ],
    ids=" ".join,
)
async def test_the_url_of_the_file_is_printed(
    options: tuple[str, ...], upload: Command, shared_server: Server, content: Content
) -> None:
    ended = await upload(shared_server.files_url, "big.bin", *options)
    assert (ended.code, ended.err) == (0, "")
    assert re.fullmatch(rf"{re.escape(shared_server.files_url)}[0-9a-f]{{32}}\n", ended.out)
    assert await arrived(shared_server, ended.out, content)


async def test_several_files_between_options(
    upload: Command, shared_server: Server, content: Content
) -> None:
    (upload.folder / "-strange name").write_bytes(b"abc")
    (upload.folder / "empty").touch()
    url = shared_server.files_url
    ended = await upload("--json", url, "big.bin", "--quiet", "empty", "--", "-strange name")
    assert ended.code == 0
    assert [told["file"] for told in ended.told] == ["big.bin", "empty", "-strange name"]
    assert [told["bytes"] for told in ended.told] == [content.length, 0, 3]
    assert all(told["resumed_from"] == 0 and isinstance(told["seconds"], float) for told in ended.told)
    assert await arrived(shared_server, ended.told[0]["url"], content)


async def test_standard_input_and_pipes_are_sent_as_they_come(
    upload: Command, shared_server: Server, content: Content
) -> None:
    os.mkfifo(upload.folder / "pipe")
    whole = content.read(0, content.length)
    url = shared_server.files_url
    ended, _ = await asyncio.gather(
        upload(url, "-", "pipe", "--json", "--chunk-size", "4MiB", stdin=whole),
        asyncio.to_thread((upload.folder / "pipe").write_bytes, whole),
    )
    assert ended.code == 0, ended.err
    for told in ended.told:
        assert await arrived(shared_server, told["url"], content)


async def test_metadata_and_headers_are_sent(upload: Command, shared_server: Server) -> None:
    (upload.folder / "a.jpg").write_bytes(b"x")
    (upload.folder / "headers").write_text("X-One: 1\n\nX-Two: a: b\n")
    ended = await upload(
        *(shared_server.files_url, "a.jpg", "--metadata", "album=a=b", "--metadata=filename=c"),
        *("--header", "@headers", "--header", "X-Three:3"),
    )
    assert ended.code == 0, ended.err
    target = ended.out.strip().removeprefix(shared_server.address.url)
    head = await request(shared_server.address, "HEAD", target, [("Tus-Resumable", "1.0.0")])
    assert head.headers["upload-metadata"] == "filename Yw==,filetype aW1hZ2UvanBlZw==,album YT1i"


@pytest.mark.parametrize("options", [(), ("--parallel", "3"), ("--chunk-size", "1MiB")], ids=" ".join)
async def test_the_same_command_goes_on_after_kill_9(
    options: tuple[str, ...], upload: Command, shared_server: Server, content: Content
) -> None:
    proxy = HoldingProxy(target=shared_server.address, most=12 * MIB)
    async with proxy.running():
        async with upload.started(proxy.files_url, "big.bin", *options) as process:
            await asyncio.wait_for(proxy.holds.wait(), 30)
            process.kill()
            await process.wait()
        proxy.may_go.set()
        ended = await upload(proxy.files_url, "big.bin", "--json", *options)
    assert ended.code == 0, ended.err
    (told,) = ended.told
    assert int(str(told["resumed_from"])) > 4 * MIB
    assert await arrived(shared_server, told["url"], content)
    assert json.loads(upload.memory.read_text())["uploads"] == {}, "what is finished is forgotten"


async def test_a_server_that_is_killed_and_comes_back_does_not_stop_the_command(
    upload: Command, server: Server, content: Content
) -> None:
    proxy = HoldingProxy(target=server.address, most=8 * MIB)
    async with proxy.running(), upload.started(proxy.files_url, "big.bin", "--retry-for", "60s") as process:
        await asyncio.wait_for(proxy.holds.wait(), 30)
        await server.kill9()
        proxy.may_go.set()
        await server.start()
        out, err = await process.communicate()
    assert process.returncode == 0
    assert await arrived(server, out.decode(), content)
    assert b"trying again in" in err


async def test_interrupted_by_ctrl_c_it_says_so_and_goes_on_later(
    upload: Command, shared_server: Server, content: Content
) -> None:
    proxy = HoldingProxy(target=shared_server.address, most=12 * MIB)
    async with proxy.running():
        async with upload.started(proxy.files_url, "big.bin") as process:
            await asyncio.wait_for(proxy.holds.wait(), 30)
            process.send_signal(signal.SIGINT)
            out, err = await process.communicate()
        assert (process.returncode, out) == (130, b"")
        assert err == b"warning: interrupted; the same command goes on\n"
        proxy.may_go.set()
        ended = await upload(proxy.files_url, "big.bin", "--json")
    assert ended.code == 0
    assert int(str(ended.told[0]["resumed_from"])) > 0


async def test_ctrl_c_does_not_wait_for_standard_input(upload: Command, shared_server: Server) -> None:
    async with upload.started(shared_server.files_url, "-") as process:
        assert process.stdin is not None
        process.stdin.write(b"x")
        threads = Path(f"/proc/{process.pid}/task")
        await until(lambda: len(list(threads.iterdir())) > 1, "it reads, in a thread", 20)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(10):
            await process.wait()
    assert process.returncode == 130


async def test_an_unfinished_upload_is_75_and_the_same_command_finishes_it(
    upload: Command, shared_server: Server, content: Content
) -> None:
    (upload.folder / "small").write_bytes(b"x")
    proxy = CuttingProxy(target=shared_server.address, cuts=(12 * MIB,))
    arguments = (f"{proxy.address.url}/files/", "small", "big.bin", "--retries", "0", "--json")
    async with proxy.running():
        first = await upload(*arguments)
        assert first.code == 75
        assert "gave up after 1 attempt in 0 s" in first.err
        assert "hint: the same command goes on where this stopped" in first.err
        assert first.told[1]["resumable"] is True
        second = await upload(*arguments)
    assert second.code == 0
    assert second.told[0]["url"] == first.told[0]["url"], "what was done is not done again"
    assert int(str(second.told[1]["resumed_from"])) > 0
    assert await arrived(shared_server, second.told[1]["url"], content)


async def test_without_memory_nothing_is_remembered(
    upload: Command, shared_server: Server, content: Content
) -> None:
    proxy = CuttingProxy(target=shared_server.address, cuts=(12 * MIB,))
    async with proxy.running():
        ended = await upload(f"{proxy.address.url}/files/", "big.bin", "--retries", "0", "--no-resume")
    assert ended.code == 69
    assert not upload.memory.exists()


async def test_a_damaged_memory_is_moved_aside(
    upload: Command, shared_server: Server, content: Content
) -> None:
    upload.memory.parent.mkdir(parents=True)
    upload.memory.write_text("{")
    ended = await upload(shared_server.files_url, "big.bin")
    assert ended.code == 0
    assert ended.err.count("\n") == 1
    assert "cannot be understood" in ended.err
    assert await arrived(shared_server, ended.out, content)


async def test_a_memory_that_cannot_be_written_stops_nothing(
    upload: Command, shared_server: Server, content: Content
) -> None:
    (upload.folder / "state").write_text("a file")
    ended = await upload(shared_server.files_url, "big.bin")
    assert ended.code == 0
    assert "cannot remember uploads" in ended.err
    assert await arrived(shared_server, ended.out, content)


async def test_a_user_without_a_home_is_warned_and_remembers_nothing(upload: Command) -> None:
    (upload.folder / "small").write_bytes(b"x")
    # As much of a home as that of a user whom /etc/passwd does not have.
    upload.environ |= {"HOME": "~", "XDG_STATE_HOME": ""}
    ended = await upload(f"http://127.0.0.1:{free_port()}/files/", "small", "--retries", "0")
    assert ended.code == 69
    assert "warning: cannot remember uploads: neither HOME nor XDG_STATE_HOME" in ended.err


async def test_what_is_too_large_is_65(upload: Command, tmp_path: Path, content: Content) -> None:
    async with Server(folder=tmp_path, settings={"uploads.max_size": "10MiB"}) as server:
        ended = await upload(server.files_url, "big.bin", "--json")
    assert ended.code == 65
    assert "413 Request Entity Too Large (ERR_MAX_SIZE_EXCEEDED" in ended.err
    assert ended.told[0]["resumable"] is False


async def test_a_file_that_cannot_be_read_is_66_and_the_others_are_sent(
    upload: Command, shared_server: Server
) -> None:
    (upload.folder / "there").write_bytes(b"x")
    ended = await upload(shared_server.files_url, "missing", "there", ".")
    assert ended.code == 66
    assert ended.out.count("/files/") == 1
    assert ended.err == (
        "error: cannot read missing: No such file or directory\nerror: cannot send .: it is no regular file\n"
    )


async def test_nobody_there_is_75(upload: Command, content: Content) -> None:
    ended = await upload(f"http://127.0.0.1:{free_port()}/files/", "big.bin", "--retries", "1", "--quiet")
    assert ended.code == 75
    assert "Connection refused; trying again in" in ended.err
    assert "Connection refused; gave up after 2 attempts" in ended.err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("nonsense", "big.bin"), "error: 'nonsense' is no URL of uploads, wanted something like"),
        (("http://h/",), "error: the following arguments are required: FILE"),
        (("http://h/", "x", "--paralel", "3"), "hint: did you mean --parallel?"),
        (("http://h/", "x", "--parallel", "0"), "error: parallel is 0, wanted at least 1"),
        (("http://h/", "x", "--parallel", "-1"), "--parallel: found '-1', wanted a whole number"),
        (("http://h/", "x", "--chunk-size", "8MX"), "--chunk-size: found '8MX', wanted a size such as 8MiB"),
        (("http://h/", "x", "--checksum", "rot13"), "--checksum: invalid choice: 'rot13'"),
        (("http://h/", "x", "--metadata", "a"), "found: a\nwanted: key=value"),
        (("http://h/", "x", "--metadata", "a b=c"), "metadata key 'a b'"),
        (("http://h/", "x", "--header", "secret"), "found: 6 characters without a colon\n"),
        (("http://h/", "x", "--header", "@missing"), "No such file or directory"),
        (("http://h/", "x", "--header", "Upload-Offset: 3"), "belongs to the protocol"),
        (("http://h/", "x", "--retry-for", "soon"), "wanted a time such as 90s or 2h"),
    ],
)
async def test_a_command_that_cannot_be_is_2(arguments: tuple[str, ...], text: str, upload: Command) -> None:
    ended = await upload(*arguments)
    assert ended.code == 2
    assert text in ended.err
    assert "secret" not in ended.err
    assert ended.out == ""


async def test_a_large_file_takes_little_memory(upload: Command, shared_server: Server) -> None:
    """A sparse file, whole, proven, and side by side."""
    with (upload.folder / "sparse").open("wb") as file:
        file.truncate(256 * MIB)
    script = (
        "import sys; from tusd_py.cli import main; code = main(); "
        "sys.stderr.write(open('/proc/self/status').read()); sys.exit(code)"
    )
    for options in ((), ("--checksum", "crc32c"), ("--parallel", "4")):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", script, "upload", shared_server.files_url, "sparse", "--quiet", *options),
            cwd=upload.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(upload.folder)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        _, err = await process.communicate()
        assert process.returncode == 0, err
        (peak,) = re.findall(r"^VmHWM:\s+(\d+) kB$", err.decode(), re.MULTILINE)
        assert int(peak) < 100 * 1024
