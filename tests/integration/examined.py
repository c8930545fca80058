"""Running the doctor.

Belongs here: settings to findings. Not here: what should be found (test_doctor_*.py).
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tests.services.seaweedfs import SECRET_KEY, Bucket
from tusd_py.assemble.doctor import findings
from tusd_py.config.settings import S3, Database, Settings, Storage
from tusd_py.doctor.finding import Finding, Level


def here(folder: Path, **storage: object) -> Settings:
    """An installation on files."""
    chosen = {"upload_dir": str(folder / "data"), "free_space_floor": 0, **storage}
    return Settings(storage=Storage(**chosen))  # type: ignore[arg-type] # a test's own names


def in_bucket(folder: Path, bucket: Bucket, *, key: str, **s3: object) -> Settings:
    """An installation on a bucket, with the rights of `key`."""
    chosen = {
        "s3_bucket": bucket.name,
        "s3_object_prefix": bucket.prefix,
        "s3_endpoint": bucket.endpoint,
        "s3_provider": "seaweedfs",
        "s3_access_key_id": key,
        "s3_secret_access_key": SECRET_KEY,
        "s3_retry_within": 0.5,
        **s3,
    }
    return replace(here(folder, backend="s3"), s3=S3(**chosen))  # type: ignore[arg-type] # likewise


def on_postgres(settings: Settings, dsn: str, **database: object) -> Settings:
    return replace(settings, database=Database(url=dsn, **database))  # type: ignore[arg-type] # likewise


async def found(settings: Settings, url: str = "", headers: Mapping[str, str] | None = None) -> list[Finding]:
    return [finding async for finding in findings(settings, url, headers or {})]


def of(check: str, found: list[Finding]) -> list[Finding]:
    """What that check found."""
    return [finding for finding in found if finding.check == check]


def wrongs(found: list[Finding]) -> list[Finding]:
    """Each with a fix."""
    wrong = [finding for finding in found if finding.level is Level.WRONG]
    assert all(finding.fix for finding in wrong)
    return wrong


def only(found: list[Finding], check: str, level: Level = Level.WRONG) -> Finding:
    """The one finding of that check, which is of that level."""
    [finding] = of(check, found)
    assert finding.level is level, finding
    assert finding.fix or level in (Level.WELL, Level.SKIPPED)
    return finding
