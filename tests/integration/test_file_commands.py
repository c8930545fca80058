"""`tusd-py ls`, `show` and `rm`, beside a running server."""

import asyncio
import json
import subprocess
from pathlib import Path

from protocol.metadata import format_metadata
from tests.harness.rows import change
from tests.harness.server import DidNotHappen, Server
from tests.harness.wire import request

TUS = ("Tus-Resumable", "1.0.0")


async def upload(server: Server, content: bytes, **metadata: str) -> None:
    said = (
        TUS,
        ("Upload-Length", str(len(content))),
        ("Content-Type", "application/offset+octet-stream"),
        ("Upload-Metadata", format_metadata(metadata)),
    )
    assert (await request(server.address, "POST", "/files/", said, content)).status == 201


async def run(server: Server, *words: str) -> tuple[int, str, str]:
    """Exit code, output, and what went to standard error."""
    ended = await asyncio.to_thread(
        subprocess.run, server.command(*words), capture_output=True, check=False, text=True, timeout=60
    )
    return ended.returncode, ended.stdout, ended.stderr


async def test_files_are_listed_shown_and_removed(server: Server) -> None:
    await upload(server, b"one", path="docs/report.txt")
    await upload(server, b"two!", path="docs/report.txt")
    await upload(server, b"x", filename="other\x1b.txt")
    code, listed, _ = await run(server, "ls", "--json")
    files = [json.loads(line) for line in listed.splitlines()]
    assert (code, [file["filename"] for file in files]) == (0, ["other.txt", "report.txt"])
    code, listed, _ = await run(server, "ls", "rep", "docs")
    head, line = listed.splitlines()
    report = files[1]["file_id"]
    assert (code, head.split("\t")[0], line.split("\t")[0]) == (0, "FILE", report)
    code, shown, _ = await run(server, "show", report)
    assert code == 0
    assert "version 2: 4 bytes, ready" in shown
    assert "version 1: 3 bytes, ready" in shown
    assert "finding" not in shown
    found = "verdict = 'infected', finding = 'Eicar', engine = 'ClamAV 1', scanned_at = 0"
    await change(server, f"UPDATE versions SET {found} WHERE n = 2")
    code, shown, _ = await run(server, "show", report)
    assert ", current, finding Eicar, engine ClamAV 1, scanned at 1970-01-01T00:00:00" in shown
    code, shown, _ = await run(server, "show", "--json", report)
    assert [one["finding"] for one in json.loads(shown)["versions"]] == ["Eicar", None]
    code, said, _ = await run(server, "rm", report, "0" * 32)
    assert (code, said) == (1, f"{report}: deleted\n{'0' * 32}: there is no such file\n")
    await gone(server.data, 2)
    assert (await run(server, "ls", "--owner", "nobody", "--json"))[1] == ""
    assert (await run(server, "ls", "report", "--json"))[1] == ""
    code, _, complaint = await run(server, "show", report)
    assert (code, complaint) == (1, f"{report}: there is no such file\n")


async def gone(data: Path, count: int) -> None:
    """The server's purge jobs left one of so many and one files."""

    def stored() -> int:
        return sum(path.is_file() for path in (data / "anonymous").rglob("*"))

    for _ in range(200):
        if stored() == 1:
            return
        await asyncio.sleep(0.05)
    raise DidNotHappen(f"{stored()} files are left of {count + 1}")


async def test_a_mistake_is_named(server: Server) -> None:
    code, _, complaint = await run(server, "rm")
    assert (code, "rm needs a FILE" in complaint) == (2, True)
    code, _, complaint = await run(server, "ls", "?!")
    assert (code, "wanted a letter or a digit" in complaint) == (2, True)
