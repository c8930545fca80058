"""Who may store how much.

Belongs here: from a user to their limits. Not here: the settings' text (config/overrides.py), what is used
(metadata/usage.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tusd_py.config.overrides import EVERYBODY, Override
from tusd_py.metadata.usage import Quota


class Quotas:
    """What each user may store; called with a tenant and an owner."""

    def __init__(self, standard: Quota, overrides: Iterable[Override]) -> None:
        self._standard = standard
        self._tenants: dict[str, Quota] = {}
        self._users: dict[tuple[str, str], Quota] = {}
        self._sizes: dict[tuple[str, str], int] = {}
        # Those for a whole tenant first: what is said of one of its users changes those.
        for override in sorted(overrides, key=lambda one: one.user != EVERYBODY):
            self._add(override)

    def __call__(self, tenant: str, owner: str) -> Quota:
        """The most exact limits."""
        return self._users.get((tenant, owner)) or self._tenants.get(tenant) or self._standard

    def max_size(self, tenant: str, owner: str) -> int | None:
        """The largest upload in bytes, 0 for any; None where nothing is said of them."""
        found = self._sizes.get((tenant, owner))
        return found if found is not None else self._sizes.get((tenant, EVERYBODY))

    def _add(self, override: Override) -> None:
        if (size := override.values.get("max_size")) is not None:
            self._sizes[override.tenant, override.user] = size
        if override.user == EVERYBODY:
            self._tenants[override.tenant] = _changed(self._standard, override.values)
            return
        before = self._tenants.get(override.tenant, self._standard)
        self._users[override.tenant, override.user] = _changed(before, override.values)


def _changed(quota: Quota, values: Mapping[str, int]) -> Quota:
    return replace(
        quota,
        bytes=values.get("bytes", quota.bytes),
        files=values.get("files", quota.files),
        open=values.get("open_uploads", quota.open),
    )
