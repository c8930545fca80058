"""AWS Signature Version 4 for requests whose bodies we send ourselves.

Belongs here: botocore's signer, told what the hash of the body is. Not here: sending (wire.py).
"""

from collections.abc import Mapping
from typing import Any

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest

UNSIGNED = "UNSIGNED-PAYLOAD"


class _Auth(S3SigV4Auth):  # type: ignore[misc] # botocore says nothing of its types
    """With a hash that was made elsewhere, or none."""

    def __init__(self, credentials: Any, region: str, body_hash: str) -> None:
        super().__init__(credentials, "s3", region)
        self._body_hash = body_hash

    def payload(self, request: Any) -> str:  # noqa: ARG002 - botocore's signature
        return self._body_hash


class Signer:
    """Signs with credentials that renew themselves."""

    def __init__(self, credentials: Any, region: str) -> None:
        self._credentials = credentials
        self._region = region

    async def headers(
        self, method: str, url: str, headers: Mapping[str, str], body_hash: str | None
    ) -> dict[str, str]:
        """All headers of the request; `body_hash` None leaves the body out of the signature."""
        frozen = await self._credentials.get_frozen_credentials()
        request = AWSRequest(method=method, url=url, headers=dict(headers))
        _Auth(frozen, self._region, body_hash or UNSIGNED).add_auth(request)
        return dict(request.headers.items())
