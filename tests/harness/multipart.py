"""A small client of uploads in parts (docs/multipart.md).

Belongs here: its requests, well-formed. Not here: what the answers should be.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .server import DidNotHappen
from .wire import Address, Answer, request

JSON = ("Content-Type", "application/json")

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Multipart:
    """One that was begun."""

    address: Address
    id: str
    said: Mapping[str, Any]
    """The answer to its beginning."""
    headers: Headers = ()
    """Of every request."""

    @property
    def target(self) -> str:
        return f"/upload/{self.id}"

    @property
    def file(self) -> str:
        """Where what it becomes is downloaded."""
        return f"/files/{self.id}"

    async def put(self, number: int | str, body: bytes, *headers: tuple[str, str]) -> Answer:
        sized = () if body else (("Content-Length", "0"),)
        return await request(
            self.address, "PUT", f"{self.target}/parts/{number}", (*self.headers, *headers, *sized), body
        )

    async def send(self, number: int, body: bytes, *headers: tuple[str, str]) -> str:
        """The part's etag. Raises DidNotHappen when it is refused."""
        answer = await self.put(number, body, *headers)
        if answer.status != 200:
            raise DidNotHappen(f"PUT of part {number}: {answer.status} {answer.body!r}")
        said = json.loads(answer.body)
        if said != {"part_number": number, "size": len(body), "etag": answer.headers["etag"].strip('"')}:
            raise DidNotHappen(f"PUT of part {number}, {len(body)} bytes: {said} {answer.headers}")
        return str(said["etag"])

    async def show(self, query: str = "") -> Answer:
        return await request(self.address, "GET", self.target + query, self.headers)

    async def parts(self, query: str = "") -> list[tuple[int, int, str]]:
        """Number, size and etag of each."""
        answer = await self.show(query)
        if answer.status != 200:
            raise DidNotHappen(f"GET: {answer.status} {answer.body!r}")
        listed = json.loads(answer.body)["parts"]
        return [(one["part_number"], one["size"], one["etag"]) for one in listed]

    async def complete(self, etags: Mapping[int, str] | None = None) -> Answer:
        """`etags` by number make it; None is all that are there."""
        if etags is None:
            return await self.complete_as({})
        return await self.complete_as(
            {"parts": [{"part_number": number, "etag": etag} for number, etag in etags.items()]}
        )

    async def complete_as(self, said: object) -> Answer:
        body = json.dumps(said).encode()
        return await request(self.address, "POST", f"{self.target}/complete", (*self.headers, JSON), body)

    async def abort(self) -> Answer:
        return await request(self.address, "DELETE", self.target, self.headers)


async def initiate(address: Address, wanted: object, headers: Headers = ()) -> Answer:
    return await request(address, "POST", "/upload/initiate", (*headers, JSON), json.dumps(wanted).encode())


async def begin(address: Address, headers: Headers = (), **wanted: object) -> Multipart:
    """Raises DidNotHappen when it is refused."""
    answer = await initiate(address, wanted, headers)
    if answer.status != 201:
        raise DidNotHappen(f"POST: {answer.status} {answer.body!r}")
    said = json.loads(answer.body)
    return Multipart(address=address, id=said["upload_id"], said=said, headers=headers)
