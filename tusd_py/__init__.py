"""A resumable-upload server (tus 1.0.0) that never loses a byte it said it had.

Belongs here: the check that our neighbours are ours, the version, and the names that embedding programs
use. They are imported when somebody asks for them, because `tusd-py --help` should not wait for a server.
"""

from importlib import import_module as _import_module
from os import path as _path
from typing import TYPE_CHECKING

from .neighbours import refuse_strangers as _refuse_strangers

# pathlib would cost more than the rest of this file.
_refuse_strangers(beside=_path.dirname(_path.dirname(_path.abspath(__file__))))  # noqa: PTH100, PTH120

__version__: str

if TYPE_CHECKING:
    from protocol.errors import Forbidden, Unauthorized, UploadNotFound, UploadRejected
    from protocol.upload import Upload
    from tusd_py.access.authorize import Action
    from tusd_py.access.identity import ANONYMOUS, Identity, Scope
    from tusd_py.assemble.embed import Tus, setup_tus
    from tusd_py.config.load import load_settings
    from tusd_py.config.problems import ConfigErrors
    from tusd_py.config.settings import Settings
    from tusd_py.errors import Refused
    from tusd_py.metadata.upload_row import NewUpload
    from tusd_py.server.runner import TusRunner

_HOMES = {
    "ANONYMOUS": "tusd_py.access.identity",
    "Action": "tusd_py.access.authorize",
    "ConfigErrors": "tusd_py.config.problems",
    "Forbidden": "protocol.errors",
    "Identity": "tusd_py.access.identity",
    "NewUpload": "tusd_py.metadata.upload_row",
    "Refused": "tusd_py.errors",
    "Scope": "tusd_py.access.identity",
    "Settings": "tusd_py.config.settings",
    "Tus": "tusd_py.assemble.embed",
    "TusRunner": "tusd_py.server.runner",
    "Unauthorized": "protocol.errors",
    "Upload": "protocol.upload",
    "UploadNotFound": "protocol.errors",
    "UploadRejected": "protocol.errors",
    "load_settings": "tusd_py.config.load",
    "setup_tus": "tusd_py.assemble.embed",
}

__all__ = [
    "ANONYMOUS",
    "Action",
    "ConfigErrors",
    "Forbidden",
    "Identity",
    "NewUpload",
    "Refused",
    "Scope",
    "Settings",
    "Tus",
    "TusRunner",
    "Unauthorized",
    "Upload",
    "UploadNotFound",
    "UploadRejected",
    "__version__",
    "load_settings",
    "setup_tus",
]

if not TYPE_CHECKING:  # hidden from mypy, which would otherwise believe every name

    def __getattr__(name: str) -> object:
        if name == "__version__":
            from .version import version  # noqa: PLC0415  # only when somebody asks

            return version()
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(_import_module(_HOMES[name]), name)
