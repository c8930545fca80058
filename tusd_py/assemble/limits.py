"""What users may upload and store, from the settings. Loads libmagic only where contents are looked at.

Belongs here: settings to parts. Not here: the rules (access/), where they are asked (uploads/).
"""

import re
import time

from tusd_py.access.admission import Admission
from tusd_py.access.quotas import Quotas
from tusd_py.access.rates import RateTable
from tusd_py.config.file_rules import parse_type_size
from tusd_py.config.overrides import parse_override
from tusd_py.config.settings import Limits, Settings
from tusd_py.errors import Refused
from tusd_py.metadata.database import Database
from tusd_py.metadata.host import Host
from tusd_py.metadata.rates import RateRows
from tusd_py.metadata.usage import Quota
from tusd_py.server.rate_limits import RateLimits, RateMeter, Rates, rate_of_bytes, rate_of_requests
from tusd_py.sniffing import HINT, Sniff, make_sniff
from tusd_py.uploads.contents import Contents
from tusd_py.work.rates import Exchange
from tusd_py.work.rounds import Round

from .parts import service_folder

FORGET_EVERY = 60.0
"""Seconds between looks for rows of rates that say nothing any more."""


def make_quotas(settings: Settings) -> Quotas | None:
    """None where nobody has a limit: then nothing is counted."""
    quota = settings.quota
    overrides = [parse_override(line) for line in quota.overrides]
    if not (quota.bytes or quota.files or quota.open_uploads or overrides):
        return None
    standard = Quota(bytes=quota.bytes, files=quota.files, open=quota.open_uploads, step=quota.deferred_step)
    return Quotas(standard, overrides)


def make_admission(settings: Settings, quotas: Quotas | None) -> Admission | None:
    """None where everything may be uploaded."""
    limits = settings.limits
    rules = Admission(
        types_allowed=_types(limits.types_allowed),
        types_denied=_types(limits.types_denied),
        type_sizes=dict(parse_type_size(line) for line in limits.type_sizes),
        extensions_allowed=_extensions(limits.extensions_allowed),
        extensions_denied=_extensions(limits.extensions_denied),
        filename_length=limits.filename_length,
        filename_pattern=re.compile(limits.filename_pattern) if limits.filename_pattern else None,
        max_size_of=_nobody if quotas is None else quotas.max_size,
    )
    return rules if _says_something(limits) or quotas is not None else None


def make_sniffing(settings: Settings) -> Sniff | None:
    """None where nobody looks at contents. Raises Refused where it has to be and cannot."""
    wanted = settings.uploads.sniff
    must = wanted == "always" or settings.limits.check_content
    if wanted == "never" and not must:
        return None
    try:
        return make_sniff()
    except ImportError as missing:
        if not must:
            return None
        key = "limits.check_content" if settings.limits.check_content else 'uploads.sniff = "always"'
        raise Refused(f"{key} needs libmagic: {missing}", hint=HINT) from None


def make_contents(settings: Settings, sniff: Sniff | None, admission: Admission | None) -> Contents | None:
    """For contents that are looked at while they arrive; None where they are not."""
    limits = settings.limits
    if sniff is None or not (settings.uploads.sniff == "always" or limits.check_content):
        return None
    checks = limits.check_content and admission is not None
    return Contents(sniff=sniff, check=admission.check_content if checks and admission else _anything)


def make_rate_table(settings: Settings) -> RateTable | None:
    """None where everybody may come as often and as fast as they can. Raises Refused."""
    rates = settings.rates
    if not (rates.user_requests or rates.address_requests or rates.user_bytes or rates.address_bytes):
        return None
    # In memory, there is one process.
    path = None if settings.storage.backend == "memory" else service_folder(settings) / "rates"
    try:
        return RateTable(path, boot=Host.this().boot, clock=time.monotonic)
    except OSError as failed:
        raise Refused(f"the table of rates cannot be opened: {failed}") from failed


def make_rate_limits(settings: Settings, table: RateTable | None, meter: RateMeter) -> RateLimits | None:
    """What is counted in the table; None without one."""
    if table is None:
        return None
    rates = settings.rates
    nodes, together = rates.nodes, rates.exchange_interval > 0
    requests = {"user": rates.user_requests, "address": rates.address_requests}
    speeds = {"user": rates.user_bytes, "address": rates.address_bytes}
    shares = Rates(
        requests={
            whose: rate_of_requests(most, nodes, together=together)
            for whose, most in requests.items()
            if most
        },
        bytes={
            whose: rate_of_bytes(most, nodes, together=together) for whose, most in speeds.items() if most
        },
        status=rates.status,
        window={whose: most if together else max(1, most // nodes) for whose, most in requests.items()},
    )
    return RateLimits(shares, table, settings, meter)


def exchanging_rates(settings: Settings, table: RateTable | None, database: Database) -> list[Round]:
    """Nodes that count together; none where each counts its share."""
    interval = settings.rates.exchange_interval
    if table is None or not interval:
        return []
    rows = RateRows(database)
    return [
        Round(name="rates", every=interval, action=Exchange(table, rows)),
        Round(name="forget_rates", every=FORGET_EVERY, action=rows.forget),
    ]


def _types(types: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text.lower() for text in types)


def _extensions(extensions: tuple[str, ...]) -> frozenset[str]:
    return frozenset(text.removeprefix(".").lower() for text in extensions)


def _says_something(limits: Limits) -> bool:
    return bool(
        limits.types_allowed
        or limits.types_denied
        or limits.type_sizes
        or limits.extensions_allowed
        or limits.extensions_denied
        or limits.filename_length
        or limits.filename_pattern
    )


def _nobody(_tenant: str, _owner: str) -> int | None:
    return None


def _anything(_sniffed: str | None) -> None:
    return None
