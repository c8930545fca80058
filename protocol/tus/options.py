"""OPTIONS: what this server can do (tus 1.0.0, OPTIONS)."""

from protocol.answer import Answer
from protocol.features import Features

from .answers import tus_answer
from .version import VERSION_HEADERS


def answer_options(features: Features) -> Answer:
    """200, not 204: both are allowed, and conformance suites want 200. The request's version is ignored."""
    limit = {"Tus-Max-Size": str(features.max_size)} if features.max_size else {}
    # tus 1.0.0, Checksum: MUST be there where the extension is.
    checksums = {"Tus-Checksum-Algorithm": ",".join(features.checksums)} if features.checksums else {}
    extensions = {"Tus-Extension": ",".join(extensions_of(features))}
    return tus_answer(200, {**VERSION_HEADERS, **extensions, **checksums, **limit})


def extensions_of(features: Features) -> tuple[str, ...]:
    """For Tus-Extension: only what is really on."""
    optional = (
        ("expiration", features.expiration),
        ("termination", features.termination),
        ("checksum", bool(features.checksums)),
        ("concatenation", features.concatenation),
        ("concatenation-unfinished", features.concatenation),
    )
    return (
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        *(name for name, on in optional if on),
    )
