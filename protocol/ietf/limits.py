"""Upload-Limit: what a client has to keep to (draft, 4.1.4)."""

from protocol.structured import LARGEST_INTEGER
from protocol.upload import UNFINISHED, Upload


def limits(max_size: int, upload: Upload | None = None, *, now: int = 0) -> dict[str, str]:
    """The field. `max_size` in bytes, 0 is none; `now` in microseconds since the epoch.

    Of an upload it says how much longer it lives as it is; every byte renews that, so it never shrinks.
    """
    known = {"max-size": min(max_size, LARGEST_INTEGER)} if max_size else {}
    if upload is not None and upload.state in UNFINISHED and upload.expires_at is not None:
        known["max-age"] = max(0, upload.expires_at - now) // 1_000_000
    # "it MUST use min-size=0 instead of an empty header value"
    known = known or {"min-size": 0}
    return {"Upload-Limit": ", ".join(f"{name}={value}" for name, value in known.items())}
