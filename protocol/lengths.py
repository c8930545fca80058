"""How long an upload may become."""

from .errors import MaxSizeExceeded
from .features import Features


def check_size(size: int, features: Features) -> None:
    """Raises MaxSizeExceeded, which tells Tus-Max-Size again."""
    if features.max_size and size > features.max_size:
        raise MaxSizeExceeded(
            f"maximum size exceeded: {size} bytes, wanted at most {features.max_size}",
            headers={"Tus-Max-Size": str(features.max_size)},
        )


def furthest(length: int | None, features: Features) -> int | None:
    """The offset that an upload can never pass; None if there is no limit."""
    return (features.max_size or None) if length is None else length
