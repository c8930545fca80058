"""TLS as the settings want it."""

import os
import ssl
from pathlib import Path
from typing import NoReturn

from tusd_py.config.settings import Server
from tusd_py.errors import Refused

_OLDEST = {"tls12": ssl.TLSVersion.TLSv1_2, "tls13": ssl.TLSVersion.TLSv1_3}


def tls_context(server: Server) -> ssl.SSLContext | None:
    """None without TLS. Raises Refused for half a configuration and for files that do not load."""
    if not server.tls_certificate and not server.tls_key:
        return None
    if not server.tls_certificate or not server.tls_key:
        missing = "server.tls_key" if server.tls_certificate else "server.tls_certificate"
        raise Refused(f"{missing} is missing", hint="TLS needs both a certificate and its key.")
    if server.tls_mode not in _OLDEST:
        raise Refused(f'server.tls_mode is {server.tls_mode!r}, wanted "tls12" or "tls13"')
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _OLDEST[server.tls_mode]
    context.set_alpn_protocols(["http/1.1"])
    _load(context, server.tls_certificate, server.tls_key)
    return context


def _load(context: ssl.SSLContext, certificate: str, key: str) -> None:
    for setting, path in (("server.tls_certificate", certificate), ("server.tls_key", key)):
        try:
            with Path(path).open("rb"):
                pass
        except OSError as exc:
            raise Refused(
                f"{setting}: cannot read {path} ({exc.strerror})",
                hint=f"it must be a file that user id {os.geteuid()} may read",
            ) from exc
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as exc:
        raise Refused(
            f"server.tls_certificate and server.tls_key: {certificate} and {key} do not load "
            f"as a certificate chain and its key ({exc.reason or exc})"
        ) from exc


def _no_password() -> NoReturn:
    # Without this, OpenSSL asks at the terminal, and a service hangs at start.
    raise Refused("server.tls_key is encrypted", hint="Give a key without a passphrase.")
