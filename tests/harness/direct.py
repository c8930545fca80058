"""A small client of uploads whose parts go to the store itself (docs/multipart.md).

Belongs here: its requests, well-formed. Not here: what the answers should be.
"""

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from .content import Content
from .multipart import JSON, Headers, Multipart, initiate
from .server import DidNotHappen
from .wire import Address, Answer, request


@dataclass(frozen=True, slots=True, kw_only=True)
class Direct(Multipart):
    """One that was begun."""

    @property
    def part_size(self) -> int:
        return int(self.said["part_size"])

    @property
    def numbers(self) -> range:
        return range(1, int(self.said["part_count"]) + 1)

    @property
    def is_proven(self) -> bool:
        return self.said["digest"] is not None

    def part_of(self, content: Content, number: int) -> bytes:
        start = (number - 1) * self.part_size
        return content.read(start, min(start + self.part_size, content.length))

    async def ask(self, said: object) -> Answer:
        """For URLs."""
        body = json.dumps(said).encode()
        return await request(self.address, "POST", f"{self.target}/urls", (*self.headers, JSON), body)

    async def urls(self, wanted: Iterable[int] | Mapping[int, bytes]) -> dict[int, "PartUrl"]:
        """By number; with the bytes of a part where they have to be proven. Raises DidNotHappen."""
        if isinstance(wanted, Mapping):
            digests = {str(number): digest_of(content) for number, content in wanted.items()}
            answer = await self.ask({"digests": digests})
        else:
            answer = await self.ask({"parts": [*wanted]})
        if answer.status != 200:
            raise DidNotHappen(f"POST for URLs: {answer.status} {answer.body!r}")
        return {one["part_number"]: PartUrl.told(one) for one in json.loads(answer.body)["urls"]}

    async def send_parts(self, content: Content, numbers: Iterable[int] | None = None) -> dict[int, str]:
        """To the store; the etags that it gave. Raises DidNotHappen."""
        etags = {}
        for number in self.numbers if numbers is None else numbers:
            part = self.part_of(content, number)
            urls = await self.urls({number: part} if self.is_proven else [number])
            etags[number] = await urls[number].sent(part)
        return etags


@dataclass(frozen=True, slots=True, kw_only=True)
class PartUrl:
    """Where a part goes."""

    url: str
    size: int
    headers: Headers

    @classmethod
    def told(cls, one: Mapping[str, Any]) -> Self:
        return cls(url=one["url"], size=one["size"], headers=tuple(one["headers"].items()))

    async def put(self, content: bytes) -> Answer:
        return await self._ask("PUT", self.headers, content)

    async def preflight(self, origin: str, headers: str) -> Answer:
        """What a browser asks before a page of that origin may PUT with these headers."""
        asked = (("Origin", origin), ("Access-Control-Request-Method", "PUT"))
        return await self._ask("OPTIONS", (*asked, ("Access-Control-Request-Headers", headers)), b"")

    async def _ask(self, method: str, headers: Headers, content: bytes) -> Answer:
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        address = Address(parts.hostname, parts.port)
        return await request(address, method, f"{parts.path}?{parts.query}", headers, content)

    async def sent(self, content: bytes) -> str:
        """Its etag. Raises DidNotHappen."""
        answer = await self.put(content)
        if answer.status != 200:
            raise DidNotHappen(f"PUT to the store: {answer.status} {answer.body!r}")
        return answer.headers["etag"].strip('"')


async def begin_direct(address: Address, headers: Headers = (), **wanted: object) -> Direct:
    """Raises DidNotHappen when it is refused."""
    answer = await initiate(address, {"direct": True, **wanted}, headers)
    if answer.status != 201:
        raise DidNotHappen(f"POST: {answer.status} {answer.body!r}")
    said = json.loads(answer.body)
    return Direct(address=address, id=said["upload_id"], said=said, headers=headers)


def digest_of(content: bytes) -> str:
    """SHA-256 in base64."""
    return b64encode(hashlib.sha256(content).digest()).decode()
