"""One request and what came of it, kept so that people can see it.

Belongs here: parsed responses, the pair of sent and come. Not here: sockets (connection.py).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A response, final or interim. Text is latin-1, as on the wire."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    """In order and as spelled by the server."""
    body: bytes = b""
    before: "tuple[Response, ...]" = ()
    """The interim (1xx) responses that came before a final one, in order."""

    @property
    def interim(self) -> tuple[int, ...]:
        """Statuses of the interim responses that came before it."""
        return tuple(early.status for early in self.before)

    def header(self, name: str) -> str | None:
        """The first of that name."""
        return next(iter(self.every(name)), None)

    def every(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def listed(self, name: str) -> list[str]:
        """The elements of a comma list, over all headers of that name."""
        return [
            element.strip() for line in self.every(name) for element in line.split(",") if element.strip()
        ]

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        return 400 <= self.status < 500

    @property
    def text(self) -> str:
        """As it would be read in a terminal."""
        heads = [line for early in self.before for line in (*early.head, "")] + self.head
        return "\n".join([*heads, "", _shown(self.body)] if self.body else heads)

    @property
    def head(self) -> list[str]:
        """The lines before the body."""
        first = f"HTTP/1.1 {self.status} {self.reason}".rstrip()
        return [first, *(f"{name}: {value}" for name, value in self.headers)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Everything that was written, and the response or the reason why there is none."""

    sent: bytes
    came: Response | str

    def brought(self, response: Response) -> bool:
        """`response` is what came, or came before it."""
        before = self.came.before if isinstance(self.came, Response) else ()
        return any(told is response for told in (self.came, *before))

    @property
    def request_text(self) -> str:
        return _shown(self.sent)

    @property
    def response_text(self) -> str:
        return self.came.text if isinstance(self.came, Response) else f"({self.came})"


_SHOWN = 1200


def _shown(raw: bytes) -> str:
    """Printable, and not longer than a screen."""
    text = "".join(char if char.isprintable() or char == "\n" else _escaped(char) for char in _decoded(raw))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(raw)} bytes in all)"


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace").replace("\r\n", "\n")


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
