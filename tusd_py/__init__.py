"""A resumable-upload server (tus 1.0.0) that never loses a byte it said it had.

Belongs here: the check that our neighbours are ours, and the version. Not here: imports that cost time.
"""

from os import path as _path
from typing import TYPE_CHECKING

from .neighbours import refuse_strangers as _refuse_strangers

# pathlib would cost more than the rest of this file.
_refuse_strangers(beside=_path.dirname(_path.dirname(_path.abspath(__file__))))  # noqa: PTH100, PTH120

__version__: str

if not TYPE_CHECKING:  # hidden from mypy, which would otherwise believe every name

    def __getattr__(name: str) -> str:
        if name != "__version__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from .version import version  # noqa: PLC0415  # only when somebody asks

        return version()
