"""Types, names and sizes over HTTP, with the real program and the real libmagic."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from tests.harness.rows import fetch, files_of
from tests.harness.server import Server, until
from tests.harness.tus import BYTES, RESUMABLE
from tests.harness.wire import Answer, Connection, NoAnswer, head_of, request

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\x06\0\0\0\x1f\xf3\xffa" + bytes(4000)
HTML = b"<!DOCTYPE html>\n<html><script>alert(1)</script></html>" + b" " * 4000
SETTINGS = {
    "limits.types_allowed": '["image/*"]',
    "limits.check_content": "true",
    "limits.extensions_denied": '["php"]',
    "limits.type_sizes": '["image/gif=10"]',
    "uploads.inline_limit": "100",
}


def described(**values: str) -> tuple[str, str]:
    pairs = (f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())
    return ("Upload-Metadata", ",".join(pairs))


@pytest.fixture
async def picky(tmp_path: Path) -> AsyncIterator[Server]:
    async with Server(folder=tmp_path, settings=SETTINGS) as server:
        yield server


async def post(server: Server, length: int | None, filetype: str = "image/png", body: bytes = b"") -> Answer:
    size = ("Upload-Defer-Length", "1") if length is None else ("Upload-Length", str(length))
    headers = [RESUMABLE, size, described(filetype=filetype, filename="a.png")]
    return await request(server.address, "POST", "/files/", [*headers, BYTES] if body else headers, body)


async def patch(server: Server, made: Answer, offset: int, body: bytes) -> Answer:
    target = "/files/" + made.headers["location"].rpartition("/")[2]
    return await request(
        server.address, "PATCH", target, [RESUMABLE, BYTES, ("Upload-Offset", str(offset))], body
    )


async def rename(server: Server, target: str, change: Mapping[str, object]) -> Answer:
    headers = [("Content-Type", "application/json")]
    return await request(server.address, "PATCH", target, headers, json.dumps(change).encode())


async def test_what_is_said_of_a_file_is_judged_at_its_creation(picky: Server) -> None:
    assert (await post(picky, 5, "text/html")).status == 415
    refused = await request(
        picky.address,
        "POST",
        "/files/",
        [RESUMABLE, ("Upload-Length", "5"), described(filetype="image/png", filename="a.php.png")],
    )
    assert (refused.status, refused.body.partition(b":")[0]) == (400, b"ERR_FILENAME_NOT_ALLOWED")
    assert (await post(picky, 11, "image/gif")).status == 413
    # Pieces of files have neither name nor type.
    partial = [RESUMABLE, ("Upload-Length", "5"), ("Upload-Concat", "partial")]
    assert (await request(picky.address, "POST", "/files/", partial)).status == 201


async def test_a_name_is_judged_as_well_when_a_file_is_renamed(tmp_path: Path) -> None:
    async with Server(folder=tmp_path) as server:
        assert (await post(server, len(PNG), body=PNG)).status == 201
        (row,) = await fetch(server, "SELECT file_id FROM files")
        target = f"/api/v1/files/{row['file_id']}"
        assert (await rename(server, target, {"filename": "b.PHP.png"})).status == 200
        await server.stop()
        server.settings = {"limits.extensions_denied": '["php"]', "limits.filename_length": "10"}
        await server.start()
        for filename in ("c.php", "c.php.png", "x" * 11):
            refused = await rename(server, target, {"filename": filename})
            assert (refused.status, json.loads(refused.body)["code"]) == (400, "ERR_FILENAME_NOT_ALLOWED")
        # A name from before these rules stays, whatever else is changed.
        for change in ({"tags": ["a"]}, {"filename": "b.PHP.png", "tags": ["b"]}):
            kept = await rename(server, target, change)
            assert (kept.status, json.loads(kept.body)["filename"]) == (200, "b.PHP.png")
        assert (await rename(server, target, {"filename": "d.png"})).status == 200


async def test_an_upload_of_unknown_length_may_not_become_longer_than_its_type_may(picky: Server) -> None:
    made = await post(picky, None, "image/gif")
    assert (await patch(picky, made, 0, b"GIF89a" + bytes(20))).status == 413
    target = "/files/" + made.headers["location"].rpartition("/")[2]
    headers = [RESUMABLE, BYTES, ("Upload-Offset", "0"), ("Upload-Length", "11")]
    assert (await request(picky.address, "PATCH", target, headers, b"GIF89a")).status == 413


@pytest.mark.parametrize(("max_size", "told"), [("0", None), ("100", None), ("5", "5")])
async def test_only_the_limit_of_the_server_is_told_as_such(
    tmp_path: Path, max_size: str, told: str | None
) -> None:
    async with Server(folder=tmp_path, settings={**SETTINGS, "uploads.max_size": max_size}) as server:
        made = await post(server, None, "image/gif")
        target = "/files/" + made.headers["location"].rpartition("/")[2]
        size = (("Upload-Defer-Length", "1"), described(filetype="image/gif", filename="a.gif"))
        for how, body in (
            (("Content-Length", "26"), bytes(26)),
            (("Transfer-Encoding", "chunked"), b"1a\r\n%b\r\n0\r\n\r\n" % bytes(26)),
        ):
            common = (("Host", "localhost"), RESUMABLE, BYTES, how)
            for method, path, more in (
                ("POST", "/files/", size),
                ("PATCH", target, (("Upload-Offset", "0"),)),
            ):
                async with await Connection.open(server.address) as connection:
                    await connection.send(head_of(method, path, (*common, *more)), body)
                    refused = await connection.answer(method)
                assert (refused.status, refused.headers.get("tus-max-size")) == (413, told), (method, how)
                assert ("upload-expires" in refused.headers) == (method == "PATCH"), how


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_body_that_is_too_long_for_its_type_is_not_invited(picky: Server, method: str) -> None:
    made = await post(picky, None, "image/gif", b"GIF89a")
    target = "/files/" + made.headers["location"].rpartition("/")[2] if method == "PATCH" else "/files/"
    size = (("Upload-Defer-Length", "1"), described(filetype="image/gif", filename="a.gif"))
    more = size if method == "POST" else (("Upload-Offset", "6"),)
    common = (("Host", "localhost"), RESUMABLE, BYTES, ("Expect", "100-continue"), *more)
    longest = 10 if method == "POST" else 4
    async with await Connection.open(picky.address) as connection:
        await connection.send(head_of(method, target, (*common, ("Content-Length", str(longest + 1)))))
        with pytest.raises(NoAnswer, match="found 413 "):
            await connection.told_to_continue()
    async with await Connection.open(picky.address) as connection:
        await connection.send(head_of(method, target, (*common, ("Content-Length", str(longest)))))
        await connection.told_to_continue()


@pytest.mark.parametrize("step", [300, 1024, 5000])
async def test_content_is_judged_before_any_of_it_is_acknowledged(picky: Server, step: int) -> None:
    for content, status in ((PNG, 204), (HTML, 415)):
        made = await post(picky, len(content))
        offset, answer = 0, made
        while offset < len(content) and answer.status in (201, 204):
            # The first byte alone, and then in steps.
            answer = await patch(picky, made, offset, content[offset : offset + (step if offset else 1)])
            offset = answer.offset or offset
        assert answer.status == status
        if status == 415:
            assert offset < 1024
            assert answer.body.startswith(b"ERR_TYPE_NOT_ALLOWED: the content is text/html")
            assert (await patch(picky, made, 0, content[:10])).status == 410
        else:
            (row,) = await fetch(picky, "SELECT sniffed_type, length FROM versions")
            assert (row["sniffed_type"], row["length"]) == ("image/png", len(PNG))


@pytest.mark.parametrize("here", [100, 2000])
async def test_what_began_before_contents_were_judged_is_not_judged_by_its_middle(
    tmp_path: Path, here: int
) -> None:
    inline = {"uploads.inline_limit": "100"}
    async with Server(folder=tmp_path, settings=inline) as server:
        content = PNG[:here] + HTML
        made = await post(server, len(content))
        assert (await patch(server, made, 0, content[:here])).status == 204
        await server.stop()
        server.settings = SETTINGS
        await server.start()
        assert (await patch(server, made, here, content[here:])).status == 204
        (row,) = await fetch(server, "SELECT sniffed_type FROM versions")
        assert row["sniffed_type"] is None


@pytest.mark.parametrize("inline", ["100", "256KiB"])
async def test_small_files_are_judged_too(tmp_path: Path, inline: str) -> None:
    async with Server(folder=tmp_path, settings={**SETTINGS, "uploads.inline_limit": inline}) as server:
        assert (await post(server, len(HTML), body=HTML)).status == 415
        assert (await post(server, len(PNG), body=PNG)).status == 201
        made = await post(server, len(HTML))
        assert (await patch(server, made, 0, HTML)).status == 415
        assert (await patch(server, made, 0, HTML)).status == 410
        rows = await fetch(server, "SELECT sniffed_type FROM versions")
        assert [row["sniffed_type"] for row in rows] == ["image/png"]
        await until(lambda: len(list(files_of(server))) == 1, "what was refused is gone", 20)


async def test_a_final_is_judged_when_it_is_put_together(picky: Server) -> None:
    for content, status in ((PNG, 201), (HTML, 415)):
        urls = []
        for piece in (content[:1], content[1:]):
            headers = [RESUMABLE, ("Upload-Length", str(len(piece))), ("Upload-Concat", "partial")]
            made = await request(picky.address, "POST", "/files/", headers)
            await patch(picky, made, 0, piece)
            urls.append("/files/" + made.headers["location"].rpartition("/")[2])
        headers = [RESUMABLE, ("Upload-Concat", "final;" + " ".join(urls)), described(filetype="image/png")]
        final = await request(picky.address, "POST", "/files/", headers)
        assert final.status == status
    rows = await fetch(picky, "SELECT sniffed_type FROM versions")
    assert [row["sniffed_type"] for row in rows] == ["image/png"]


async def test_a_file_is_served_as_what_it_looks_like(tmp_path: Path) -> None:
    async with Server(folder=tmp_path, settings={"uploads.sniff": "always"}) as server:
        for content, served in ((PNG, "image/png"), (HTML, "application/octet-stream")):
            made = await post(server, len(content), body=content)
            target = "/files/" + made.headers["location"].rpartition("/")[2]
            answer = await request(server.address, "GET", target)
            assert answer.headers["content-type"] == served
