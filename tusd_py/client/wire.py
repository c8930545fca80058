"""One request, one reply.

Belongs here: the HTTP library, its failures in our words, deadlines, and what no request may do (follow a
redirection, tell a stranger the caller's headers). Not here: what a reply means (answers.py).
"""

import asyncio
import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from protocol.headers import Headers
from protocol.tus.version import VERSION

from .body import Body
from .errors import NotTus, Rejected, Trouble, UploadError
from .origins import Endpoint
from .statuses import may_pass

_MOST_TEXT = 2000
"""Bytes of an answer's body that are read, for what it says about a failure."""
_LONGEST_SHOWN = 200

_NO_HTTP = (aiohttp.ClientResponseError, aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A server's answer."""

    method: str
    url: URL
    status: int
    reason: str
    headers: Headers
    text: str

    def __str__(self) -> str:
        """The request and the first line of what was said, for messages."""
        said = self.text.strip().partition("\n")[0].strip()[:_LONGEST_SHOWN]
        plain = f"{self.method} {self.url} was answered {self.status} {self.reason}".rstrip()
        return f"{plain} ({said})" if said else plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """The way to one endpoint."""

    session: aiohttp.ClientSession
    endpoint: Endpoint
    idle: float
    """Seconds without any movement after which a request is given up."""
    proxy_for: Callable[[URL], str | None]
    """The proxy to a URL; None where the session knows best."""
    spoken: Mapping[str, str] = field(default_factory=lambda: {"Tus-Resumable": VERSION})
    """What every request says of its protocol."""

    async def ask(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        *,
        body: Body | None = None,
        idle: float | None = None,
    ) -> Reply:
        """Raises Trouble where another attempt may work, NotTus, Rejected where a proxy refused for good, and
        what reading the body raises.
        """
        seconds = idle or self.idle
        every = {**self.endpoint.headers_for(url), **self.spoken, **headers}
        try:
            async with asyncio.timeout(seconds) as deadline:
                if body is not None:
                    body.extend(deadline, seconds)
                return await self._exchange(method, url, every, body)
        except TimeoutError:
            raise Trouble(f"{method} {url}: nothing moved for {seconds:g} s") from None
        except (aiohttp.ClientError, ConnectionError) as failed:
            if body is not None and body.failure is not None:
                raise body.failure from failed
            raise _in_our_words(failed, method, url) from failed
        finally:
            if body is not None:
                body.leave_deadline()

    async def _exchange(self, method: str, url: URL, headers: Mapping[str, str], body: Body | None) -> Reply:
        async with self.session.request(
            method,
            url,
            headers=headers,
            data=body if body is not None and body.size else None,
            allow_redirects=False,
            proxy=self.proxy_for(url),
            timeout=aiohttp.ClientTimeout(total=None),
        ) as answer:
            text = await answer.content.read(_MOST_TEXT)
            # A body that the server did not wait for is not sent to its end.
            if not answer.content.at_eof() or (body is not None and not body.is_over):
                answer.close()
            return Reply(
                method=method,
                url=url,
                status=answer.status,
                reason=answer.reason or "",
                headers=Headers(answer.headers.items()),
                text=text.decode("utf-8", "replace"),
            )


def _in_our_words(
    failed: aiohttp.ClientError | ConnectionError, method: str, url: URL
) -> Trouble | UploadError:
    what = f"{method} {url}"
    if isinstance(failed, aiohttp.ClientConnectorCertificateError):
        return NotTus(f"{what}: no secure connection: {_tls_reason(failed.certificate_error)}")
    if isinstance(failed, aiohttp.ClientConnectorSSLError):
        return NotTus(f"{what}: no secure connection: {_tls_reason(failed.os_error)}")
    if isinstance(failed, aiohttp.ClientProxyConnectionError):
        return Trouble(f"cannot connect to the proxy for {url.host}: {_os_reason(failed.os_error)}")
    if isinstance(failed, aiohttp.ClientHttpProxyError):
        return _refused_by_proxy(failed.status, url)
    if isinstance(failed, aiohttp.ClientConnectorError):
        return Trouble(f"cannot connect to {url.host}:{url.port}: {_os_reason(failed.os_error)}")
    if isinstance(failed, _NO_HTTP):
        return NotTus(f"{what}: this is not a tus endpoint: the answer is no HTTP ({failed})")
    return Trouble(f"{what}: the connection broke ({str(failed) or type(failed).__name__})")


def _refused_by_proxy(status: int, url: URL) -> Trouble | Rejected:
    """Of CONNECT. The library's own words hold the proxy's URL, and so its password."""
    what = f"the proxy for {url.host} answered CONNECT with {status}"
    return Trouble(what) if may_pass(status) else Rejected(what, status=status)


def _os_reason(failed: OSError) -> str:
    # Resolvers have numbers of their own, below zero; of the others the event loop's text is no sentence.
    number = failed.errno or 0
    return os.strerror(number) if number > 0 else failed.strerror or str(failed)


def _tls_reason(failed: Exception) -> str:
    if isinstance(failed, ssl.SSLCertVerificationError):
        return failed.verify_message
    if isinstance(failed, ssl.SSLError) and failed.reason:
        return failed.reason.replace("_", " ").lower()
    return str(failed)
