"""Who is let in, put together from the settings.

Belongs here: making the ways that are configured, and closing them. Not here: the ways (access/), requests
(server/identify.py).
"""

import secrets
import time
from collections.abc import Callable
from contextlib import AsyncExitStack

from tusd_py.access.authenticate import Authenticator, Tokens
from tusd_py.access.identity import Scope
from tusd_py.access.passes import Key
from tusd_py.config.settings import Access, Settings
from tusd_py.config.url_rules import is_local_url
from tusd_py.errors import Refused
from tusd_py.metadata.api_keys import ApiKeyRows
from tusd_py.metadata.database import Database
from tusd_py.metadata.signing_keys import NewKey, SigningKeyRows
from tusd_py.randomness import random_hex
from tusd_py.server.forward_auth import ForwardAuth
from tusd_py.server.outgoing import Outgoing

_KEY_BYTES = 32


async def make_authenticator(
    settings: Settings, database: Database, stack: AsyncExitStack
) -> Authenticator | None:
    """None where everybody is anonymous. What it needs is closed with the stack. Raises Refused."""
    access = settings.access
    if access.is_open:
        return None
    outgoing = Outgoing()
    stack.push_async_callback(outgoing.close)
    made = Authenticator(
        keys=ApiKeyRows(database) if "key" in access.auth else None,
        tokens=_tokens(access, outgoing, stack) if "jwt" in access.auth else None,
        forward=_forward(access, outgoing) if "forward" in access.auth else None,
        pass_key_of=SigningKeyRows(database).find,
        super_admins=frozenset(_named(entry) for entry in access.super_admins),
        grace=access.resume_grace,
        cache=access.cache,
        clock=time.time,
    )
    stack.push_async_callback(made.close)
    return made


async def newest_key(database: Database) -> Key:
    """The installation's key that signs now; made where there is none."""
    proposed = NewKey(id=random_hex(8), secret=secrets.token_bytes(_KEY_BYTES))
    return await SigningKeyRows(database).newest(proposed)


def _tokens(access: Access, outgoing: Outgoing, stack: AsyncExitStack) -> Tokens:
    try:
        from tusd_py.access.json_web_tokens import Expected  # noqa: PLC0415 - only when configured
        from tusd_py.access.key_set import KeySet, Patience  # noqa: PLC0415 - only when configured
        from tusd_py.access.tokens import JwtTokens, Keys, OwnKeys  # noqa: PLC0415 - only when configured
        from tusd_py.access.verify_keys import from_files, from_secret  # noqa: PLC0415 - only when configured
    except ModuleNotFoundError as missing:
        raise Refused(
            f'access.auth holds "jwt", which needs the package {missing.name}',
            hint="pip install 'tusd-py[auth]'",
        ) from None
    from tusd_py.access.claims import Mapped  # noqa: PLC0415 - only when configured

    keys: Keys
    own = from_files(access.jwt_keys) + ([from_secret(access.jwt_secret)] if access.jwt_secret else [])
    if own:
        keys = OwnKeys(keys=own)
    else:
        keys = KeySet(
            issuer=access.jwt_issuer,
            url=access.jwks_url,
            get_json=outgoing.get_json,
            patience=Patience(
                refresh=access.jwks_refresh, between=access.jwks_patience, stale=access.jwks_stale
            ),
            clock=time.monotonic,
            is_allowed=may_name(access.jwt_issuer),
        )
    stack.push_async_callback(keys.close)
    return JwtTokens(
        keys=keys,
        expected=Expected(
            issuer=access.jwt_issuer,
            audience=frozenset(access.jwt_audience),
            leeway=access.jwt_leeway,
            grace=access.resume_grace,
        ),
        mapped=Mapped(
            subject=access.jwt_subject,
            tenant=access.jwt_tenant,
            scopes=access.jwt_scopes,
            prefix=access.jwt_scope_prefix,
            default_scopes=_scopes(access.jwt_default_scopes),
        ),
        clock=time.time,
    )


def may_name(issuer: str) -> Callable[[str], bool]:
    """Where this issuer may say its keys are. Only one on this machine may send us to this machine: another,
    or who speaks for it, would have us ask what nobody else can reach."""
    is_here = is_local_url(issuer)
    return lambda url: url.startswith("https://") or (is_here and is_local_url(url))


def _forward(access: Access, outgoing: Outgoing) -> ForwardAuth:
    return ForwardAuth(
        outgoing=outgoing,
        url=access.forward_url,
        subject=access.forward_subject,
        tenant=access.forward_tenant,
        scopes=access.forward_scopes,
        default_scopes=_scopes(access.jwt_default_scopes),
        within=access.forward_timeout,
    )


def _scopes(names: tuple[str, ...]) -> frozenset[Scope]:
    return frozenset(Scope(name) for name in names)


def _named(entry: str) -> tuple[str, str]:
    tenant, slash, subject = entry.partition("/")
    return (tenant, subject) if slash else ("", entry)
