"""OPTIONS: what this server can do (tus 1.0.0, OPTIONS)."""

from protocol.answer import Answer

from .answers import tus_answer
from .features import Features
from .version import VERSION_HEADERS


def answer_options(features: Features) -> Answer:
    """200, not 204: both are allowed, and conformance suites want 200. The request's version is ignored."""
    limit = {"Tus-Max-Size": str(features.max_size)} if features.max_size else {}
    return tus_answer(200, {**VERSION_HEADERS, "Tus-Extension": ",".join(features.extensions), **limit})
