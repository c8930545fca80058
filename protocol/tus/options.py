"""OPTIONS: what this server can do (tus 1.0.0, OPTIONS)."""

from protocol.answer import Answer

from .answers import tus_answer
from .features import Features
from .version import VERSION_HEADERS


def answer_options(features: Features) -> Answer:
    """200, not 204: both are allowed, and conformance suites want 200. The request's version is ignored."""
    limit = {"Tus-Max-Size": str(features.max_size)} if features.max_size else {}
    # tus 1.0.0, Checksum: MUST be there where the extension is.
    checksums = {"Tus-Checksum-Algorithm": ",".join(features.checksums)} if features.checksums else {}
    extensions = {"Tus-Extension": ",".join(features.extensions)}
    return tus_answer(200, {**VERSION_HEADERS, **extensions, **checksums, **limit})
