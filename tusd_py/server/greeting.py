"""What a person sees who starts the server at a terminal.

Belongs here: the greeting. Not here: logs (log.py), the page at / (server/page.py).
"""

import socket
import sys

from tusd_py.config.settings import Settings
from tusd_py.server.sockets import name_of


def greet(settings: Settings, sockets: list[socket.socket]) -> None:
    """Print where to upload, and a recipe that works by copy and paste."""
    if not settings.log.show_greeting:
        return
    scheme = "https" if settings.server.tls_certificate else "http"
    origin = settings.server.public_url or name_of(sockets[0], scheme=scheme)
    print(_text(settings, origin), file=sys.stdout, flush=True)  # noqa: T201 - for the person at the terminal


def _text(settings: Settings, origin: str) -> str:
    if origin.startswith("unix:"):
        path = origin.removeprefix("unix:")
        curl, url = f"curl --unix-socket {path}", f"http://localhost{settings.server.base_path}"
    else:
        curl, url = "curl", f"{origin}{settings.server.base_path}"
    page = f"Or open {origin}/ in a browser.\n" if settings.server.page and origin.startswith("http") else ""
    return f"""
You can now upload files to: {url}
{page}
Try it:
  printf 'hello, world' > /tmp/hello.txt
  url=$({curl} -s -D - -o /dev/null -X POST {url} -H 'Tus-Resumable: 1.0.0' \\
    -H 'Upload-Length: 12' -H 'Upload-Metadata: filename aGVsbG8udHh0' \\
    | tr -d '\\r' | sed -n 's/^Location: //p')
  {curl} -i -X PATCH "$url" -H 'Tus-Resumable: 1.0.0' -H 'Upload-Offset: 0' \\
    -H 'Content-Type: application/offset+octet-stream' --data-binary @/tmp/hello.txt
  {curl} "$url"
"""
