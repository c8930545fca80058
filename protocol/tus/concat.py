"""Upload-Concat: partial uploads, and the final ones made of them (tus 1.0.0, Concatenation).

Belongs here: the header, and which upload a URL in it names. Not here: making the final (tusd_py/uploads).
"""

from collections.abc import Collection, Sequence
from urllib.parse import unquote, urlsplit

from protocol.creation import Concat, about_partial
from protocol.errors import InvalidConcat, UploadNotFound
from protocol.features import Features
from protocol.headers import Headers
from protocol.integers import shown
from protocol.upload import UploadId, parse_upload_id


def parse_concat(headers: Headers, features: Features) -> Concat | None:
    """None when it was not sent. Raises InvalidConcat, also where the extension is off.

    Without that refusal a client would take a whole upload for a partial one.
    """
    raw = headers.one("Upload-Concat")
    if raw is None:
        return None
    if not features.concatenation:
        raise InvalidConcat("Upload-Concat was sent, but this server does not offer concatenation")
    # It goes into a row and back into a header, and bytes that are no UTF-8 fit into neither.
    strange = next((character for character in raw if not " " <= character <= "~"), None)
    if strange is not None:
        raise InvalidConcat(f"Upload-Concat has {shown(strange)} in it, wanted printable ASCII")
    if raw == "partial":
        return Concat(raw=raw, urls=None)
    kind, _, listed = raw.partition(";")
    urls = tuple(listed.split())
    if kind != "final" or not urls:
        raise InvalidConcat(f"Upload-Concat is {shown(raw)}, wanted partial, or final; and a list of URLs")
    return Concat(raw=raw, urls=urls)


def uploads_of_urls(
    urls: Sequence[str], *, base_paths: Collection[str], hosts: Collection[str]
) -> list[UploadId]:
    """The partials of a final upload. Raises UploadNotFound, which says of which; see `upload_of_url`."""
    named = []
    for seq, url in enumerate(urls):
        try:
            named.append(upload_of_url(url, base_paths=base_paths, hosts=hosts))
        except UploadNotFound as refusal:
            raise about_partial(refusal, urls, seq) from None
    return named


def upload_of_url(url: str, *, base_paths: Collection[str], hosts: Collection[str]) -> UploadId:
    """Which of our uploads a URL names. Absolute or relative; scheme and port may be a proxy's.

    Nothing is ever fetched. Raises UploadNotFound for whatever is not below one of `base_paths` (decoded) of
    one of `hosts` (lower-case names without port).
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise UploadNotFound from None
    if host is not None and host.lower() not in hosts:
        raise UploadNotFound
    path = unquote(parts.path)
    below = [path.removeprefix(base) for base in base_paths if path.startswith(base)]
    if not below or parts.query or parts.fragment:
        raise UploadNotFound
    # Below "/" lies everything, also what another base path says more of.
    return parse_upload_id(min(below, key=len))
