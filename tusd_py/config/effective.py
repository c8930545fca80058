"""What is in force and who said so, for people who run a server.

Belongs here: each setting with its value as it may be shown. Not here: how it looks (cli/, server/).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tusd_py.masking import MASK, mask_text

from .keys import keys
from .load import Loaded
from .problems import Layer
from .settings import Settings
from .validate import value_of

Sources = Mapping[str, str]
"""Where each value came from that is not the default, by its dotted name: `tusd.toml:3`, `flag --port`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """One setting."""

    section: str
    name: str
    shown: str
    """As TOML writes it; never a secret."""
    source: str
    is_default: bool


def sources_of(loaded: Loaded) -> Sources:
    """Whatever somebody said."""
    return {
        dotted: str(origin) for dotted, origin in loaded.sources.items() if origin.layer is not Layer.DEFAULT
    }


def in_force(settings: Settings, sources: Sources) -> Iterator[InForce]:
    """Every setting, in the order of the file. "program" is whoever embeds us."""
    for key in keys().values():
        value = value_of(settings, key)
        is_default = value == key.default
        yield InForce(
            section=key.section,
            name=key.name,
            shown=f'"{MASK}"' if key.kind.is_secret and value else _shown(key.kind.to_toml(value)),
            source=sources.get(key.dotted, "default" if is_default else "program"),
            is_default=is_default,
        )


def _shown(text: str) -> str:
    """URLs may hold a password or a token; nothing else that is no secret does."""
    return mask_text(text) if "://" in text else text
