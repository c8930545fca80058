"""All checks there are.

Belongs here: the list, and choosing from it. Not here: the checks themselves (sections/).
"""

from collections.abc import Collection

from .checks import Check
from .sections import (
    checksum,
    concatenation,
    concatenation_lists,
    core_cut,
    core_head,
    core_numbers,
    core_options,
    core_patch,
    core_versions,
    cors,
    creation,
    defer,
    expiration,
    ietf_append,
    ietf_cancel,
    ietf_codings,
    ietf_creation,
    ietf_cut,
    ietf_digest,
    ietf_fields,
    ietf_head,
    ietf_interim,
    ietf_lengths,
    ietf_limits,
    ietf_meeting,
    ietf_options,
    ietf_past,
    ietf_progress,
    ietf_versions,
    metadata,
    termination,
    trailer,
    with_upload,
)
from .specification import Specification
from .verdict import Level

SECTIONS = (
    core_versions.SECTION,
    core_options.SECTION,
    core_numbers.SECTION,
    core_head.SECTION,
    core_patch.SECTION,
    core_cut.SECTION,
    creation.SECTION,
    metadata.SECTION,
    defer.SECTION,
    with_upload.SECTION,
    expiration.SECTION,
    checksum.SECTION,
    trailer.SECTION,
    termination.SECTION,
    concatenation.SECTION,
    concatenation_lists.SECTION,
    cors.SECTION,
    ietf_versions.SECTION,
    ietf_options.SECTION,
    ietf_limits.SECTION,
    ietf_fields.SECTION,
    ietf_creation.SECTION,
    ietf_lengths.SECTION,
    ietf_codings.SECTION,
    ietf_interim.SECTION,
    ietf_head.SECTION,
    ietf_append.SECTION,
    ietf_past.SECTION,
    ietf_cancel.SECTION,
    ietf_progress.SECTION,
    ietf_cut.SECTION,
    ietf_meeting.SECTION,
    ietf_digest.SECTION,
)

CHECKS: tuple[Check, ...] = tuple(check for section in SECTIONS for check in section.checks)


class UnknownId(Exception):
    """No check has that id."""


def chosen(
    only: Collection[str], levels: Collection[Level], specifications: Collection[Specification] = ()
) -> list[Check]:
    """The checks for these ids, levels and specifications; none named means all. Raises UnknownId."""
    known = {name for check in CHECKS for name in check.ids}
    if unknown := sorted(set(only) - known):
        raise UnknownId(f"no check has the id {', '.join(unknown)}; --list shows all")
    return [
        check
        for check in CHECKS
        if (not only or set(check.ids) & set(only))
        and (not levels or check.level in levels)
        and (not specifications or check.specification in specifications)
    ]
