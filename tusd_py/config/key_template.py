"""What `storage.key_template` may look like.

Belongs here: the template's grammar. Not here: filling it in (uploads).
"""

import re

from .complaint import Complaint

PLACEHOLDERS = ("tenant", "user_id", "yyyy", "mm", "dd", "file_id", "upload_id")
"""All a template may name."""

_ELEMENT = re.compile(r"(?:\{[a-z_]+\}|[A-Za-z0-9_=,+@ .-])+", re.ASCII)
"""What a folder may be called on every file system and object store; `~` is kept for refs."""
_BRACED = re.compile(r"\{([^{}/]*)\}")


def complain_about_template(template: str) -> Complaint | None:
    """None for a template whose keys are unique, relative and stay below the upload folder."""
    unknown = [name for name in _BRACED.findall(template) if name not in PLACEHOLDERS]
    if unknown:
        return _complain(
            "names something unknown", f"{{{unknown[0]}}}", "placeholders among " + _braced(PLACEHOLDERS)
        )
    elements = template.split("/")
    if elements[-1] != "{file_id}":
        return _complain("must end with the file", f'"{template}"', "{file_id} as the last path element")
    for element in elements:
        if element in ("", ".", "..") or element.startswith(".") or element.endswith((" ", ".")):
            return _complain(
                "has an element that is no folder name",
                f'"{element}" in "{template}"',
                'elements that are not empty, start with no "." and end with neither "." nor a space',
            )
        if _ELEMENT.fullmatch(element) is None:
            return _complain(
                "has characters that are no part of a key",
                f'"{element}"',
                'letters, digits, "_", "-", "=", ",", "+", "@", "." and spaces, and whole placeholders',
            )
    return None


def _complain(what: str, found: str, wanted: str) -> Complaint:
    return Complaint(
        what=what, found=found, wanted=wanted, hint="the default is {user_id}/{yyyy}/{mm}/{dd}/{file_id}"
    )


def _braced(names: tuple[str, ...]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)
