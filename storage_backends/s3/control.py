"""Requests without bodies, through aiobotocore: one call each, tried once.

The one place where botocore's untyped answers become values. Belongs here: that. Not here: trying again
(retries.py), what calls follow each other.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from storage_backends.base import Part, StorageAway

from .failures import Refused, told
from .profiles import Digest

UPLOAD_ID = "upload-id"
"""Metadata of every object: whose bytes it holds."""

ATTEMPT = "put"
"""Metadata that tells our own put from another one, when its answer was lost."""

_MEMBER = {
    Digest.CRC32C: "ChecksumCRC32C",
    Digest.CRC32: "ChecksumCRC32",
    Digest.CRC64NVME: "ChecksumCRC64NVME",
    Digest.SHA256: "ChecksumSHA256",
}
_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What an object says of itself."""

    size: int
    etag: str
    version: str | None
    upload_id: str | None
    attempt: str | None
    """Which of our requests put it, where one did."""

    @property
    def identity(self) -> str:
        return f"v{self.version}" if self.version else f"e{self.etag}-{self.size}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An entry of a listing."""

    key: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A multipart upload that is under way."""

    key: str
    multipart: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A part that the store has."""

    number: int
    size: int
    etag: str
    at: float
    """When, in seconds since the epoch; 0 where the store does not say."""


class Control:
    """One bucket."""

    def __init__(self, client: Any, bucket: str, digest: Digest) -> None:
        self._client = client
        self._bucket = bucket
        self._digest = digest

    async def url(self) -> str:
        """Of the bucket, without a slash at its end, as botocore addresses it."""
        signed = await self._client.generate_presigned_url(
            "head_object", Params={"Bucket": self._bucket, "Key": "x"}
        )
        parts = urlsplit(signed)
        return f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix('/x')}"

    async def check(self) -> None:
        """The bucket is there and may be seen."""
        with told("HeadBucket"):
            await self._client.head_bucket(Bucket=self._bucket)

    async def date(self) -> str | None:
        """The store's clock, as an HTTP date; refusals have it, too."""
        try:
            answer = await self._client.head_bucket(Bucket=self._bucket)
        except ClientError as failed:
            answer = failed.response
        except BotoCoreError as failed:
            raise StorageAway(f"HeadBucket: {failed}") from failed
        found = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        return None if found is None else str(found)

    async def lifecycle(self) -> list[dict[str, Any]]:
        """Its rules as they are; none where nobody made any."""
        try:
            with told("GetBucketLifecycleConfiguration"):
                found = await self._client.get_bucket_lifecycle_configuration(Bucket=self._bucket)
        except Refused as refused:
            if refused.code == "NoSuchLifecycleConfiguration":
                return []
            raise
        return list(found.get("Rules", ()))

    async def keeps_versions(self) -> bool:
        """What is deleted stays as a version."""
        with told("GetBucketVersioning"):
            found = await self._client.get_bucket_versioning(Bucket=self._bucket)
        return bool(found.get("Status") == "Enabled")

    async def create(self, key: str, headers: Mapping[str, Any], digest: Digest | None) -> str:
        """A new multipart upload's id. `digest` is what every part will come with; None is nothing."""
        algorithm = {} if digest in (None, Digest.MD5) else {"ChecksumAlgorithm": digest.name}
        if digest is Digest.CRC64NVME:
            algorithm["ChecksumType"] = "FULL_OBJECT"
        with told("CreateMultipartUpload"):
            made = await self._client.create_multipart_upload(
                Bucket=self._bucket, Key=key, **algorithm, **headers
            )
        return str(made["UploadId"])

    async def complete(self, key: str, multipart: str, parts: Sequence[Part], digest: Digest | None) -> None:
        """`digest` is what it was created with. Raises Vanished, Refused, also for an error in an answer of
        status 200."""
        listed = [_as_listed(part, digest) for part in parts]
        with told("CompleteMultipartUpload"):
            await self._client.complete_multipart_upload(
                Bucket=self._bucket, Key=key, UploadId=multipart, MultipartUpload={"Parts": listed}
            )

    async def copy_part(
        self, key: str, multipart: str, number: int, source: str, span: str
    ) -> tuple[str, str | None]:
        """The bytes `span` (a Range) of another object become a part; its ETag and digest."""
        with told("UploadPartCopy"):
            made = await self._client.upload_part_copy(
                Bucket=self._bucket,
                Key=key,
                UploadId=multipart,
                PartNumber=number,
                CopySource=f"{self._bucket}/{quote(source, safe='/~')}",
                CopySourceRange=span,
            )
        result = made["CopyPartResult"]
        digest = result.get(_MEMBER[self._digest]) if self._digest in _MEMBER else None
        return str(result["ETag"]), digest

    async def abort(self, key: str, multipart: str) -> None:
        """Raises Vanished."""
        with told("AbortMultipartUpload"):
            await self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=multipart)

    async def parts(self, key: str, multipart: str) -> list[Sent]:
        """Every part that the store has. Raises Vanished."""
        found: list[Sent] = []
        marker = 0
        while True:
            with told("ListParts"):
                page = await self._client.list_parts(
                    Bucket=self._bucket,
                    Key=key,
                    UploadId=multipart,
                    PartNumberMarker=marker,
                    MaxParts=_PAGE,
                )
            found += [
                Sent(
                    number=part["PartNumber"],
                    size=part["Size"],
                    etag=part["ETag"],
                    at=part["LastModified"].timestamp() if "LastModified" in part else 0,
                )
                for part in page.get("Parts", [])
                if part["PartNumber"] > marker
            ]
            if not page.get("IsTruncated") or not page.get("Parts"):
                return found
            marker = found[-1].number

    async def head(self, key: str) -> Head:
        """Raises StorageMissing."""
        with told("HeadObject"):
            found = await self._client.head_object(Bucket=self._bucket, Key=key)
        version = found.get("VersionId")
        return Head(
            size=found["ContentLength"],
            etag=found["ETag"],
            version=None if version in (None, "null", "") else version,
            upload_id=found.get("Metadata", {}).get(UPLOAD_ID),
            attempt=found.get("Metadata", {}).get(ATTEMPT),
        )

    async def read(self, key: str) -> bytes:
        """A small object. Raises StorageMissing."""
        with told("GetObject"):
            found = await self._client.get_object(Bucket=self._bucket, Key=key)
            async with found["Body"] as body:
                return bytes(await body.read())

    async def delete(self, key: str) -> None:
        """One that is not there is no error."""
        with told("DeleteObject"):
            await self._client.delete_object(Bucket=self._bucket, Key=key)

    async def names(self, prefix: str) -> AsyncGenerator[Named, None]:
        """Every object below `prefix`."""
        more: dict[str, str] = {}
        while True:
            with told("ListObjectsV2"):
                page = await self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, **more)
            for found in page.get("Contents", []):
                yield Named(key=found["Key"], size=found["Size"])
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    async def begun(self, prefix: str) -> AsyncGenerator[Begun, None]:
        """Every multipart upload below `prefix` that is under way."""
        seen: set[tuple[str, str]] = set()
        more: dict[str, str] = {}
        while True:
            with told("ListMultipartUploads"):
                page = await self._client.list_multipart_uploads(Bucket=self._bucket, Prefix=prefix, **more)
            # Some stores give no marker for the next page, and repeat the last entry on it.
            found = [(one["Key"], one["UploadId"]) for one in page.get("Uploads", [])]
            news = [one for one in found if one not in seen]
            for key, multipart in news:
                seen.add((key, multipart))
                yield Begun(key=key, multipart=multipart)
            if not page.get("IsTruncated") or not news:
                return
            more = {"KeyMarker": news[-1][0], "UploadIdMarker": news[-1][1]}

    async def link(self, key: str, version: str | None, headers: Mapping[str, str], expiry: int) -> str:
        """A signed URL for GET, for `expiry` seconds."""
        params = {
            "Bucket": self._bucket,
            "Key": key,
            **headers,
            **({"VersionId": version} if version else {}),
        }
        with told("presign"):
            return str(
                await self._client.generate_presigned_url("get_object", Params=params, ExpiresIn=expiry)
            )


def _as_listed(part: Part, digest: Digest | None) -> dict[str, Any]:
    listed: dict[str, Any] = {"PartNumber": part.part_no, "ETag": part.etag}
    if part.digest is not None and digest in _MEMBER:
        listed[_MEMBER[digest]] = part.digest
    return listed
