"""Forward-auth: an HTTP endpoint of the operator's knows who sent a request.

It gets a GET with the headers that are configured, as nginx's auth_request and Traefik's forwardAuth do, and
answers 2xx with headers that say who it is. The URL is from the configuration alone, never from a request.

Belongs here: asking, and reading the answer. Not here: when to ask (access/authenticate.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from protocol.errors import Unavailable
from tusd_py.access.claims import scopes_in
from tusd_py.access.identity import Identity, Scope, is_name, is_tenant
from tusd_py.access.refused import NotGood, Reason
from tusd_py.log import get_logger

from .outgoing import Outgoing, Unanswered

log = get_logger("tusd_py.access")

_NOES = frozenset({401, 403, 404})
_FINE = range(200, 300)


class ForwardUnavailable(Unavailable):
    """who you are cannot be found out now; try again"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardAuth:
    """One endpoint."""

    outgoing: Outgoing
    url: str
    subject: str
    tenant: str
    scopes: str
    """Names of its headers."""
    default_scopes: frozenset[Scope]
    within: float
    """Seconds."""

    @property
    def _wanted(self) -> str:
        if not self.tenant:
            return f"2xx with {self.subject}"
        return f'2xx with {self.subject} and {self.tenant}; without tenants, access.forward_tenant = ""'

    async def __call__(self, headers: Mapping[str, str]) -> Identity:
        """Raises NotGood, and ForwardUnavailable where it does not say yes or no."""
        try:
            said = await self.outgoing.ask(self.url, headers, within=self.within)
        except Unanswered as failed:
            log.warning("forward.unanswered", url=self.url, error=str(failed))
            raise ForwardUnavailable from failed
        if said.status in _NOES:
            raise NotGood(Reason.DENIED)
        subject = said.headers.get(self.subject.lower(), "")
        tenant = said.headers.get(self.tenant.lower(), "") if self.tenant else ""
        # Where there are tenants, nobody is of none: an admin of none oversees the whole installation, and
        # all whose tenant was forgotten would share one.
        if said.status not in _FINE or not is_name(subject) or (self.tenant and not is_tenant(tenant)):
            log.warning(
                "forward.unclear",
                url=self.url,
                status=said.status,
                has_subject=is_name(subject),
                has_tenant=is_tenant(tenant),
                wanted=self._wanted,
            )
            raise ForwardUnavailable
        return Identity(
            tenant=tenant,
            subject=subject,
            scopes=scopes_in(said.headers.get(self.scopes.lower(), ""), self.default_scopes),
        )
