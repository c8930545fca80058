"""The sockets we listen on: made once, by the process that the operator started.

Workers inherit them; systemd may have made them for us (sd_listen_fds(3)).

Belongs here: opening, replacing a stale Unix socket, closing. Not here: who accepts (runner.py).
"""

import errno
import os
import socket
import stat
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tusd_py.config.settings import Server
from tusd_py.errors import Refused

_FIRST_INHERITED = 3
"""sd_listen_fds(3): descriptors start after standard error."""

# A client that vanished behind a dead router is noticed after 15 + 4 * 5 s without data, and after 30 s
# with unacknowledged data; the upload's lease is free again then.
_KEEPALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 30_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Open listening sockets, and the Unix socket file that goes with them."""

    sockets: list[socket.socket]
    unix_path: str = ""
    unix_inode: int = 0

    def close(self) -> None:
        """Stop listening. Removes the Unix socket file unless somebody has replaced it."""
        for sock in self.sockets:
            sock.close()
        if self.unix_path and _inode(self.unix_path) == self.unix_inode:
            Path(self.unix_path).unlink(missing_ok=True)


def open_sockets(server: Server, *, backlog: int, environ: MutableMapping[str, str]) -> Listening:
    """Listen where the settings say, or on what systemd hands over. Raises Refused."""
    inherited = _inherited(environ)
    if inherited:
        listening = Listening(sockets=inherited)
    elif server.unix_sock:
        listening = _open_unix(server.unix_sock, backlog)
    else:
        listening = Listening(sockets=_open_tcp(server.host, server.port, backlog))
    for sock in listening.sockets:
        sock.setblocking(False)
        watch_dead_peers(sock)
    return listening


def watch_dead_peers(listener: socket.socket) -> None:
    """Let the kernel find dead peers. What is accepted inherits this from its listener (tcp(7))."""
    if listener.family not in (socket.AF_INET, socket.AF_INET6):
        return
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, amount in _KEEPALIVE.items():
        # Not every system has all four; one without them keeps its own patience.
        if hasattr(socket, name):
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), amount)


def name_of(sock: socket.socket, *, scheme: str) -> str:
    """For people: "http://127.0.0.1:8080" or "unix:/run/tusd.sock"."""
    if sock.family == socket.AF_UNIX:
        return f"unix:{sock.getsockname()}"
    host, port = sock.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _inherited(environ: MutableMapping[str, str]) -> list[socket.socket]:
    """Sockets from systemd; the variables are removed so that no child takes them for its own."""
    count, owner = environ.pop("LISTEN_FDS", ""), environ.pop("LISTEN_PID", "")
    environ.pop("LISTEN_FDNAMES", None)
    if owner != str(os.getpid()) or not count.isdecimal():
        return []
    return [_adopt(_FIRST_INHERITED + n) for n in range(int(count))]


def _adopt(descriptor: int) -> socket.socket:
    try:
        sock = socket.socket(fileno=descriptor)
    except OSError as exc:
        raise Refused(f"inherited descriptor {descriptor} is not a socket ({exc.strerror})") from exc
    os.set_inheritable(descriptor, False)
    if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        sock.close()
        raise Refused(
            f"inherited socket {descriptor} does not listen",
            hint="Set Accept=no in the systemd socket unit.",
        )
    return sock


def _open_tcp(host: str, port: int, backlog: int) -> list[socket.socket]:
    opened: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, address in _addresses(host, port):
            chosen = opened[0].getsockname()[1] if opened and not port else port
            try:
                opened.append(_listen_tcp(family, address, chosen, backlog))
            except OSError as exc:
                # "localhost" often names an IPv6 address on hosts that have none.
                if exc.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise _bind_refused(exc, address, port) from exc
                missing = exc
        if missing is not None and not opened:
            raise _bind_refused(missing, host, port) from missing
    except Refused:
        for sock in opened:
            sock.close()
        raise
    return opened


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as exc:
        raise Refused(f"cannot find the address of server.host {host!r} ({exc.strerror})") from exc
    return list(dict.fromkeys((family, str(address[0])) for family, *_, address in found))


def _listen_tcp(family: socket.AddressFamily, address: str, port: int, backlog: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Without it a restart fails while old connections are in TIME_WAIT.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # The IPv4 wildcard gets a socket of its own.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.listen(backlog)
    except OSError:
        sock.close()
        raise
    return sock


def _bind_refused(exc: OSError, host: str, port: int) -> Refused:
    where = f"port {port} on {host or 'all addresses'}"
    if exc.errno == errno.EADDRINUSE:
        return Refused(f"{where} is in use", hint="Stop what uses it, or choose another server.port.")
    if exc.errno in (errno.EACCES, errno.EPERM):
        return Refused(
            f"{where} may not be used by user {os.geteuid()}",
            hint="Ports below 1024 need the capability CAP_NET_BIND_SERVICE.",
        )
    return Refused(f"cannot listen on {where} ({exc.strerror})")


def _open_unix(path: str, backlog: int) -> Listening:
    """Bind under a name of its own, then rename: there is no moment without a socket at `path`.

    The file's mode follows the umask; connecting needs the write permission.
    """
    _refuse_living(path)
    draft = f"{path}.{os.getpid()}"
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        Path(draft).unlink(missing_ok=True)
        sock.bind(draft)
        sock.listen(backlog)
        Path(draft).replace(path)
    except OSError as exc:
        sock.close()
        with suppress(OSError):
            Path(draft).unlink(missing_ok=True)
        raise Refused(f"cannot listen on Unix socket {path} ({exc.strerror or exc})") from exc
    return Listening(sockets=[sock], unix_path=path, unix_inode=_inode(path))


def _refuse_living(path: str) -> None:
    """A socket that nobody listens on is stale and may be replaced; nothing else may."""
    try:
        mode = Path(path).lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as exc:
        raise Refused(f"cannot look at Unix socket {path} ({exc.strerror})") from exc
    if not stat.S_ISSOCK(mode):
        raise Refused(f"{path} is there and is not a socket", hint="Choose another server.unix_sock.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return
        except OSError as exc:
            raise Refused(f"Unix socket {path} is in use or not ours ({exc})") from exc
    raise Refused(
        f"another process listens on Unix socket {path}",
        hint="Stop it, or choose another server.unix_sock.",
    )


def _inode(path: str) -> int:
    try:
        return Path(path).lstat().st_ino
    except OSError:
        return 0
