"""Somebody who asks the API, and what they uploaded.

Belongs here: requests as JSON. Not here: what is expected (test_*.py).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from protocol.metadata import format_metadata
from tests.access.asking import OFFSET_BYTES, TUS
from tests.access.issuer import bearer, token
from tests.harness.server import Server
from tests.harness.wire import Answer, request


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One user of a server."""

    server: Server
    user: str
    tenant: str = "acme"
    scope: str = "upload read"

    async def ask(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """With a JSON body where there is one."""
        said = [bearer(token(sub=self.user, tenant=self.tenant, scope=self.scope))]
        said += list((headers or {}).items())
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        if body is not None and "Content-Type" not in (headers or {}):
            said.append(("Content-Type", "application/json"))
        if query:
            target += "?" + urlencode(query, doseq=True)
        return await request(self.server.address, method, target, said, raw)

    async def get(self, target: str, **query: Any) -> Any:
        """The JSON of a 200."""
        answer = await self.ask("GET", target, query=query)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    async def upload(self, content: bytes = b"hello", **metadata: str) -> str:
        """The id of a finished upload."""
        return await self._post(content, str(len(content)), metadata)

    async def begin(self, length: int, content: bytes = b"", **metadata: str) -> str:
        """The id of an upload that goes on."""
        return await self._post(content, str(length), metadata)

    async def _post(self, content: bytes, length: str, metadata: Mapping[str, str]) -> str:
        who = bearer(token(sub=self.user, tenant=self.tenant, scope=self.scope))
        said = [who, TUS, ("Upload-Length", length), ("Upload-Metadata", format_metadata(metadata))]
        if content:
            said.append(OFFSET_BYTES)
        made = await request(self.server.address, "POST", "/files/", said, content)
        assert made.status == 201, made.body
        return made.headers["location"].rpartition("/")[2]

    async def file(self, content: bytes = b"hello", **metadata: str) -> dict[str, Any]:
        """A finished file, as the API shows it."""
        upload = await self.get(f"/api/v1/uploads/{await self.upload(content, **metadata)}")
        shown: dict[str, Any] = await self.get(f"/api/v1/files/{upload['file_id']}")
        return shown

    async def names(self, **query: Any) -> list[str]:
        """Of all files that a query finds, page by page."""
        found: list[str] = []
        cursor: str | None = None
        while True:
            page = await self.get("/api/v1/files", **query, **({"cursor": cursor} if cursor else {}))
            found += [file["filename"] for file in page["files"]]
            cursor = page["next"]
            if cursor is None:
                return found


def problem(answer: Answer) -> tuple[int, str]:
    """Status and code of a refusal, which has the form of RFC 9457."""
    assert answer.headers["content-type"] == "application/problem+json", answer.body
    said = json.loads(answer.body)
    assert said["status"] == answer.status
    return answer.status, said["code"]
