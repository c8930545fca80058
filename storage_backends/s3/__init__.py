"""Bytes in a bucket of S3, or of whoever speaks its language.

An upload is one multipart upload. Its rows say which parts count; a part is committed by the statement that
moves the line over it. What is too small for a part is an object of its own, a tail, until there is enough.
"""

from .backend import S3Backend
from .examination import Examination, code_of, is_denied
from .options import Options
from .profiles import PROFILES, Digest, Profile

__all__ = ["PROFILES", "Digest", "Examination", "Options", "Profile", "S3Backend", "code_of", "is_denied"]
