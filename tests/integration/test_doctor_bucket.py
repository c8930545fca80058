"""What the doctor says of a bucket: each finding provoked, on a real store."""

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest

from bench.subjects.stores import sink
from tests.harness.server import ROOT, Server
from tests.services.fault_proxy import Call, FaultProxy, Refusal, Rule
from tests.services.seaweedfs import ACCESS_KEY, CLERK, Bucket, SeaweedServer, client_of
from tusd_py.config.settings import S3
from tusd_py.doctor.finding import Level

from .examined import found, here, in_bucket, of, only, wrongs

DAY = 86400.0
FORGOTTEN = {
    "ID": "forgotten",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 31},
}


@pytest.fixture
async def own_bucket(seaweed: SeaweedServer) -> AsyncIterator[Bucket]:
    """With rules and policies of its own; emptied of them by the test that makes some."""
    made = seaweed.bucket(f"doctor-{time.monotonic_ns()}")
    async with client_of(made) as client:
        yield made
        await client.delete_bucket(Bucket=made.name)


async def put_rules(bucket: Bucket, *rules: Mapping[str, object]) -> None:
    async with client_of(bucket) as client:
        await client.put_bucket_lifecycle_configuration(
            Bucket=bucket.name, LifecycleConfiguration={"Rules": list(rules)}
        )


# --- rights


async def test_a_bucket_with_every_right_and_a_good_rule_is_well(tmp_path: Path, own_bucket: Bucket) -> None:
    await put_rules(own_bucket, FORGOTTEN)
    every = await found(in_bucket(tmp_path, own_bucket, key=ACCESS_KEY))
    levels = {finding.check: finding.level for finding in every}
    assert set(levels.values()) == {Level.WELL, Level.SKIPPED}
    assert {"clock", "bucket rights", "part rules", "checksums", "lifecycle"} <= set(levels)
    async with client_of(own_bucket) as client:
        left = await client.list_objects_v2(Bucket=own_bucket.name)
        assert "Contents" not in left, "it takes everything back"


@pytest.mark.parametrize(
    "right",
    [
        "ListBucket",
        "PutObject",
        "GetObject",
        "ListBucketMultipartUploads",
        "ListMultipartUploadParts",
        "AbortMultipartUpload",
        "DeleteObject",
    ],
)
async def test_each_right_that_is_missing_is_found(tmp_path: Path, own_bucket: Bucket, right: str) -> None:
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": f"s3:{right}",
                "Resource": [f"arn:aws:s3:::{own_bucket.name}", f"arn:aws:s3:::{own_bucket.name}/*"],
            }
        ],
    }
    async with client_of(own_bucket) as client:
        await client.put_bucket_policy(Bucket=own_bucket.name, Policy=json.dumps(policy))
        every = await found(in_bucket(tmp_path, own_bucket, key=CLERK))
        await client.delete_bucket_policy(Bucket=own_bucket.name)
        # What it made and may not delete.
        for one in (await client.list_objects_v2(Bucket=own_bucket.name)).get("Contents", ()):
            await client.delete_object(Bucket=own_bucket.name, Key=one["Key"])
    denied = of("bucket rights", wrongs(every))
    assert any(f"s3:{right}" in finding.fix for finding in denied), every


async def test_a_bucket_that_is_not_there_is_found(tmp_path: Path, bucket: Bucket) -> None:
    every = await found(in_bucket(tmp_path, replace(bucket, name="not-there"), key=ACCESS_KEY))
    assert "s3_bucket" in of("bucket rights", wrongs(every))[0].fix


async def test_a_store_that_does_not_answer_is_found(tmp_path: Path, bucket: Bucket) -> None:
    nowhere = replace(bucket, endpoint="http://127.0.0.1:1")
    assert of("bucket rights", wrongs(await found(in_bucket(tmp_path, nowhere, key=ACCESS_KEY))))


# --- rules of the store: what other stores say


@asynccontextmanager
async def strange(bucket: Bucket) -> AsyncIterator[tuple[FaultProxy, Bucket]]:
    proxy = FaultProxy(bucket.endpoint, 1)
    async with proxy.running() as endpoint:
        yield proxy, replace(bucket, endpoint=endpoint)


async def test_a_store_that_wants_larger_parts_is_found(tmp_path: Path, bucket: Bucket) -> None:
    async with strange(bucket) as (proxy, there):
        proxy.rules = [
            lambda call: Refusal(status=400, code="EntityTooSmall") if call.operation == "complete" else None
        ]
        every = await found(in_bucket(tmp_path, there, key=ACCESS_KEY))
    assert "s3_min_part_size" in only(every, "part rules").fix


async def test_a_store_that_wants_equal_parts_is_found(tmp_path: Path, bucket: Bucket) -> None:
    first = [Refusal(status=400, code="InvalidPart")]

    def unequal(call: Call) -> Refusal | None:
        return first.pop() if call.operation == "complete" and first else None

    async with strange(bucket) as (proxy, there):
        proxy.rules = [unequal]
        every = await found(in_bucket(tmp_path, there, key=ACCESS_KEY))
    assert '"r2"' in only(every, "part rules").fix


async def test_a_store_that_copies_no_parts_is_found(tmp_path: Path, bucket: Bucket) -> None:
    async with strange(bucket) as (proxy, there):
        proxy.rules = [
            lambda call: Refusal(status=501, code="NotImplemented") if call.operation == "copy part" else None
        ]
        every = await found(in_bucket(tmp_path, there, key=ACCESS_KEY))
    assert '"gcs"' in of("part rules", wrongs(every))[0].fix


async def test_a_store_that_does_not_know_the_checksum_is_found(tmp_path: Path, bucket: Bucket) -> None:
    parts = []

    def fourth(call: Call) -> Refusal | None:
        # After the three that are joined.
        parts.extend([call] if call.operation == "part" else [])
        return Refusal(status=400, code="InvalidRequest") if len(parts) == 4 else None

    async with strange(bucket) as (proxy, there):
        proxy.rules = [fourth]
        every = await found(in_bucket(tmp_path, there, key=ACCESS_KEY))
    assert "s3_checksum" in only(every, "checksums").fix


async def test_a_store_that_looks_at_no_checksum_is_found(tmp_path: Path) -> None:
    with sink() as store:
        chosen = {name.removeprefix("s3."): value for name, value in store.items() if name.startswith("s3.")}
        chosen["s3_disable_content_hashes"] = True  # type: ignore[assignment] # not from a file
        settings = replace(here(tmp_path, backend="s3"), s3=S3(**chosen))  # type: ignore[arg-type] # likewise
        every = await found(settings)
    assert "s3_checksum" in only(every, "checksums").fix


@pytest.mark.parametrize(("lead", "level"), [(300, Level.ADVICE), (1800, Level.WRONG), (-1800, Level.WRONG)])
async def test_a_clock_that_is_wrong_is_found(
    tmp_path: Path, bucket: Bucket, lead: float, level: Level
) -> None:
    async with strange(bucket) as (proxy, there):
        proxy.date = formatdate(time.time() + lead, usegmt=True)
        every = await found(in_bucket(tmp_path, there, key=ACCESS_KEY))
    assert "time service" in only(every, "clock", level).fix


# --- parts that clients send


async def test_a_store_that_holds_urls_to_what_they_say_is_well(tmp_path: Path, own_bucket: Bucket) -> None:
    settings = in_bucket(tmp_path, own_bucket, key=ACCESS_KEY, s3_direct=True)
    assert only(await found(settings), "direct parts", Level.WELL)
    async with client_of(own_bucket) as client:
        left = await client.list_multipart_uploads(Bucket=own_bucket.name)
        assert "Uploads" not in left, "it takes everything back"
    assert of("direct parts", await found(in_bucket(tmp_path, own_bucket, key=ACCESS_KEY))) == []


def takes_copies(call: Call) -> Refusal | None:
    """As if the store did not mind a header that is not signed."""
    return Refusal(status=200, code="None") if call.operation == "copy part" else None


def takes_parts(call: Call) -> Refusal | None:
    """As if it did not mind how long they are."""
    return Refusal(status=200, code="None") if call.operation == "part" else None


@pytest.mark.parametrize(
    ("rule", "what"),
    [(takes_copies, "have any object of the bucket copied"), (takes_parts, "send more bytes")],
)
async def test_a_store_that_lets_more_through_is_found_and_not_served_from(
    tmp_path: Path, bucket: Bucket, rule: Rule, what: str
) -> None:
    async with strange(bucket) as (proxy, there):
        if rule is takes_copies:
            proxy.rules = [rule]
            every = await found(in_bucket(tmp_path, there, key=ACCESS_KEY, s3_direct=True))
            assert what in of("direct parts", wrongs(every))[0].what
        proxy.rules = [rule]
        server = Server(folder=tmp_path / "server", settings=there.settings(s3_direct="true"))
        command = server.command("serve")
        asked = await asyncio.to_thread(
            subprocess.run, command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
        assert asked.returncode != 0
        assert what in asked.stderr


async def test_urls_that_no_store_takes_are_found(tmp_path: Path, bucket: Bucket) -> None:
    """Of which the examination's own parts are not, as their signatures are in headers."""
    knocks: list[Call] = []

    def third(call: Call) -> Refusal | None:
        knocks.extend([call] if "tusd-doctor" in call.key and call.operation in ("part", "copy part") else [])
        return Refusal(status=403, code="AccessDenied") if len(knocks) == _PARTS_BEFORE + 3 else None

    async with strange(bucket) as (proxy, there):
        proxy.rules = [third]
        every = await found(in_bucket(tmp_path, there, key=ACCESS_KEY, s3_direct=True))
    assert "s3_endpoint" in only(every, "direct parts").fix


_PARTS_BEFORE = 5
"""Of the other looks: three that are joined, one that is copied, a damaged one."""


# --- lifecycle


async def test_a_rule_that_deletes_uploads_is_found(tmp_path: Path, own_bucket: Bucket) -> None:
    expiring = {"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": "up"}, "Expiration": {"Days": 90}}
    await put_rules(own_bucket, FORGOTTEN, expiring)
    there = replace(own_bucket, prefix="uploads/")
    assert "'tidy' deletes" in only(await found(in_bucket(tmp_path, there, key=ACCESS_KEY)), "lifecycle").what
    elsewhere = replace(own_bucket, prefix="tus/")
    assert only(await found(in_bucket(tmp_path, elsewhere, key=ACCESS_KEY)), "lifecycle", Level.WELL)


async def test_a_rule_that_aborts_uploads_under_way_is_found(tmp_path: Path, own_bucket: Bucket) -> None:
    hasty = {**FORGOTTEN, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}
    await put_rules(own_bucket, hasty)
    settings = in_bucket(tmp_path, own_bucket, key=ACCESS_KEY)
    assert "after 7 days" in only(await found(settings), "lifecycle").what
    shorter = replace(settings, uploads=replace(settings.uploads, max_age=7 * DAY))
    assert only(await found(shorter), "lifecycle", Level.WELL)
    endless = replace(settings, uploads=replace(settings.uploads, max_age=0.0))
    assert only(await found(endless), "lifecycle")


async def test_that_no_rule_aborts_what_is_forgotten_is_said(tmp_path: Path, own_bucket: Bucket) -> None:
    advice = only(await found(in_bucket(tmp_path, own_bucket, key=ACCESS_KEY)), "lifecycle", Level.ADVICE)
    assert "AbortIncompleteMultipartUpload" in advice.fix


async def test_a_start_warns_of_rules_that_lose_uploads(tmp_path: Path, own_bucket: Bucket) -> None:
    await put_rules(own_bucket, {**FORGOTTEN, "Expiration": {"Days": 1}})
    async with Server(folder=tmp_path, settings=own_bucket.settings()) as server:
        assert "deletes objects" in server.log
    async with client_of(own_bucket) as client:
        await client.delete_object(Bucket=own_bucket.name, Key="tusd-identity")
