"""Share links: made by whoever has a file, used by whoever has the link.

Belongs here: who may do what with links, and what a link opens. Not here: rows (metadata/links.py), HTTP.
"""

from dataclasses import dataclass

from protocol.errors import InvalidBody, LinkGone, LinkNotFound, NotFound, UploadGone, UploadNotFound
from protocol.upload import UploadId
from tusd_py.access.authorize import Action
from tusd_py.access.identity import Identity
from tusd_py.access.may_read import may_read, why_not
from tusd_py.metadata.files import Version
from tusd_py.metadata.links import Link, LinkRows, LinkState, NewLink

from .context import Context
from .permit import permit

_MICROSECONDS = 1_000_000
MOST_USES = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLimits:
    """What links may be. Seconds."""

    expiry: float
    """How long they live where nobody said."""
    max_expiry: float
    """How long they may live."""
    per_file: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedLink:
    """What somebody asked for; None is what is usual."""

    expires_in: int | None = None
    """Seconds."""
    max_uses: int | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A link, and what it leads to now."""

    link: Link
    version: Version

    @property
    def actor(self) -> str:
        """How events name whoever came by it."""
        return f"link {self.link.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The operations."""

    context: Context
    rows: LinkRows
    limits: LinkLimits

    async def to_share(self, identity: Identity, file_id: UploadId) -> Version:
        """The file that somebody wants to share, in its current version. Raises NotFound, Forbidden."""
        return await self._owned(identity, Action.SHARE, file_id)

    async def create(self, identity: Identity, version: Version, wanted: WantedLink, *, token: str) -> Link:
        """`version` is from `to_share`, `token` is what opens the link.

        It may be made before the file may be read: it opens when the file does. Raises NotFound, UploadGone,
        InvalidBody, TooManyLinks.
        """
        if wanted.version is not None:
            found = await self.context.files.numbered(version.file_id, wanted.version)
            if found is None:
                raise NotFound(f"the file has no version {wanted.version}")
            version = found
        if version.is_lost:
            raise UploadGone
        new = NewLink(
            id=self.context.random_id(),
            token=token,
            file_id=version.file_id,
            version=wanted.version,
            created_by=identity.actor,
            lifetime=int(self._lifetime(wanted) * _MICROSECONDS),
            max_uses=wanted.max_uses,
        )
        link = await self.rows.create(new, most=self.limits.per_file)
        if link is None:
            raise NotFound
        return link

    async def of_file(self, identity: Identity, file_id: UploadId) -> list[Link]:
        """Newest first; behind them closed ones, until they are forgotten. Raises NotFound, Forbidden."""
        await self._owned(identity, Action.LIST_LINKS, file_id)
        return await self.rows.of_file(file_id, limit=10 * self.limits.per_file)

    async def revoke(self, identity: Identity, link_id: UploadId) -> None:
        """Idempotent. Raises LinkNotFound, Forbidden."""
        link = await self.rows.find(link_id)
        if link is None:
            raise LinkNotFound
        try:
            await permit(self.context, identity, Action.SHARE, link)
        except UploadNotFound:
            raise LinkNotFound from None
        await self.rows.revoke(link, actor=identity.actor)

    async def open(self, token: str) -> Opened:
        """What a link leads to, for a visitor of whom nothing else is known.

        One that was used up is opened too: whose download was counted may still want the rest of it.
        Raises LinkNotFound, LinkGone, NotScannedYet, Quarantined.
        """
        link = await self.rows.by_token(token)
        if link is None:
            raise LinkNotFound
        if link.state in (LinkState.REVOKED, LinkState.EXPIRED):
            raise LinkGone
        version = await self._version(link)
        if version is None or version.is_lost:
            raise LinkGone
        if not may_read(version, self.context.rules.read_policy, visitor(link)):
            raise why_not(version)
        return Opened(link=link, version=version)

    async def _version(self, link: Link) -> Version | None:
        if link.version is None:
            return await self.context.files.current(link.file_id)
        return await self.context.files.numbered(link.file_id, link.version)

    async def _owned(self, identity: Identity, action: Action, file_id: UploadId) -> Version:
        version = await self.context.files.current(file_id)
        if version is None:
            raise NotFound
        try:
            await permit(self.context, identity, action, version)
        except UploadNotFound:
            raise NotFound from None
        return version

    def _lifetime(self, wanted: WantedLink) -> float:
        limits = self.limits
        if wanted.expires_in is None:
            return min(limits.expiry, limits.max_expiry)
        if wanted.expires_in > limits.max_expiry:
            raise InvalidBody(
                f"expires_in is {wanted.expires_in}, wanted at most {int(limits.max_expiry)} seconds"
            )
        return wanted.expires_in


def visitor(link: Link) -> Identity:
    """Whoever has the link: nobody in particular, and never the file's owner."""
    return Identity(tenant=link.tenant, subject="", scopes=frozenset())
