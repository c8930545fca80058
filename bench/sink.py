"""An object store that throws parts away: as much of S3 as one server needs, at next to no cost.

    python -m bench.sink PORT

It counts what it is sent and says so of its objects, so that a server that compares sizes is content. A body
without a checksum is refused: what is measured is sending with one.

Belongs here: that. Not here: what is measured against it (cases/s3.py).
"""

import re
import socket
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

_BUFFER = 1 << 20
_HEAD_END = b"\r\n\r\n"
_RANGE = re.compile(r"bytes=(\d+)-(\d+)", re.ASCII)
_UPLOAD_ID = "x-amz-meta-upload-id"


@dataclass(slots=True)
class _Object:
    size: int
    content: bytes
    upload_id: str


@dataclass(slots=True)
class _Multipart:
    key: str
    upload_id: str
    parts: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Bucket:
    """Every bucket is this one. Threads of one process: single steps on dicts need no lock."""

    objects: dict[str, _Object] = field(default_factory=dict)
    multiparts: dict[str, _Multipart] = field(default_factory=dict)


@dataclass(slots=True)
class _Request:
    method: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    size: int
    content: bytes
    """Empty for a part."""

    @property
    def has_checksum(self) -> bool:
        return any(name.startswith("x-amz-checksum-") or name == "content-md5" for name in self.headers)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


_OK, _NONE, _NO = "200 OK", "204 No Content", "404 Not Found"


def main() -> int:
    """Serve until killed."""
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=256) as listening:
        bucket = _Bucket()
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=_serve, args=(connection, bucket), daemon=True).start()


def _serve(connection: socket.socket, bucket: _Bucket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = memoryview(bytearray(_BUFFER))
    with connection:
        left = b""
        while True:
            try:
                request, left = _read(connection, left, buffer)
                if request is None:
                    return
                _send(connection, request, _answer(request, bucket))
            except ConnectionError:
                return


def _read(connection: socket.socket, had: bytes, buffer: memoryview) -> tuple[_Request | None, bytes]:
    """The next request, its body counted and thrown away; and what came behind it."""
    while (end := had.find(_HEAD_END)) < 0:
        block = connection.recv(65536)
        if not block:
            return None, b""
        had += block
    first, *lines = had[:end].decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    size = int(headers.get("content-length", "0"))
    if headers.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    rest = had[end + len(_HEAD_END) :]
    content, rest = rest[:size], rest[size:]
    missing = size - len(content)
    # What is no part may be asked for again: the mark that says whose a bucket is, and tails.
    is_kept = "partNumber=" not in target
    blocks = [content] if is_kept else []
    while missing:
        count = connection.recv_into(buffer[: min(missing, _BUFFER)])
        if not count:
            return None, b""
        missing -= count
        if is_kept:
            blocks.append(bytes(buffer[:count]))
    parts = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    return _Request(method, parts.path.lstrip("/"), query, headers, size, b"".join(blocks)), rest


def _answer(request: _Request, bucket: _Bucket) -> _Answer:
    if request.method == "PUT" and not request.has_checksum:
        return _Answer("400 Bad Request", body=_error("InvalidRequest", "no checksum"))
    is_of_multipart = "uploadId" in request.query or "uploads" in request.query
    handle = _OF_MULTIPART[request.method] if is_of_multipart else _OF_OBJECT[request.method]
    return handle(request, bucket)


# --- objects


def _put(request: _Request, bucket: _Bucket) -> _Answer:
    if request.headers.get("if-none-match") == "*" and request.key in bucket.objects:
        return _Answer("412 Precondition Failed", body=_error("PreconditionFailed", "it is there"))
    upload_id = request.headers.get(_UPLOAD_ID, "")
    bucket.objects[request.key] = _Object(request.size, request.content, upload_id)
    return _Answer(_OK, (("ETag", _etag(request.key, request.size)),))


def _get(request: _Request, bucket: _Bucket) -> _Answer:
    if "list-type" in request.query:
        return _Answer(_OK, body=b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
    found = bucket.objects.get(request.key)
    if found is None:
        return _Answer(_NO, body=_error("NoSuchKey", "not there"))
    wanted = _RANGE.fullmatch(request.headers.get("range", ""))
    if wanted is None:
        return _Answer(_OK, _headers_of(request.key, found), found.content)
    start, stop = int(wanted[1]), int(wanted[2]) + 1
    span = ("Content-Range", f"bytes {start}-{stop - 1}/{found.size}")
    headers = (*_headers_of(request.key, found), span)
    return _Answer("206 Partial Content", headers, found.content[start:stop])


def _head(request: _Request, bucket: _Bucket) -> _Answer:
    if "/" not in request.key.strip("/"):
        return _Answer(_OK)
    found = bucket.objects.get(request.key)
    if found is None:
        return _Answer(_NO)
    return _Answer(_OK, (*_headers_of(request.key, found), ("Content-Length", str(found.size))))


def _headers_of(key: str, found: _Object) -> tuple[tuple[str, str], ...]:
    return (("ETag", _etag(key, found.size)), (_UPLOAD_ID, found.upload_id))


def _delete(request: _Request, bucket: _Bucket) -> _Answer:
    bucket.objects.pop(request.key, None)
    return _Answer(_NONE)


# --- multipart uploads


def _begin(request: _Request, bucket: _Bucket) -> _Answer:
    if "uploads" not in request.query:
        return _complete(request, bucket)
    made = f"{len(bucket.multiparts):032x}"
    bucket.multiparts[made] = _Multipart(request.key, request.headers.get(_UPLOAD_ID, ""))
    body = f"<InitiateMultipartUploadResult><UploadId>{made}</UploadId></InitiateMultipartUploadResult>"
    return _Answer(_OK, body=body.encode())


def _put_part(request: _Request, bucket: _Bucket) -> _Answer:
    number = int(request.query["partNumber"])
    bucket.multiparts[request.query["uploadId"]].parts[number] = request.size
    return _Answer(_OK, (("ETag", _etag(request.key, number)),))


def _complete(request: _Request, bucket: _Bucket) -> _Answer:
    found = bucket.multiparts.pop(request.query["uploadId"], None)
    if found is None:
        return _Answer(_NO, body=_error("NoSuchUpload", "not there"))
    size = sum(found.parts.values())
    bucket.objects[found.key] = _Object(size, b"", found.upload_id)
    etag = escape(_etag(found.key, size))
    body = f"<CompleteMultipartUploadResult><ETag>{etag}</ETag></CompleteMultipartUploadResult>"
    return _Answer(_OK, body=body.encode())


def _list(_request: _Request, _bucket: _Bucket) -> _Answer:
    return _Answer(
        _OK, body=b"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>"
    )


def _abort(request: _Request, bucket: _Bucket) -> _Answer:
    bucket.multiparts.pop(request.query["uploadId"], None)
    return _Answer(_NONE)


_OF_OBJECT = {"PUT": _put, "GET": _get, "HEAD": _head, "DELETE": _delete}
_OF_MULTIPART = {"POST": _begin, "PUT": _put_part, "GET": _list, "DELETE": _abort}


# --- the wire


def _send(connection: socket.socket, request: _Request, answer: _Answer) -> None:
    lines = [f"HTTP/1.1 {answer.status}", "Content-Type: application/xml"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    if not any(name == "Content-Length" for name, _ in answer.headers) and answer.status != _NONE:
        lines.append(f"Content-Length: {len(answer.body)}")
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
    connection.sendall(head if request.method == "HEAD" else head + answer.body)


def _etag(key: str, number: int) -> str:
    safe = re.sub(r"[^0-9a-z]", "", key)[-20:]
    return f'"{safe}-{number}"'


def _error(code: str, message: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


if __name__ == "__main__":
    sys.exit(main())
