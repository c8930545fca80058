"""Bytes in files below one root folder. POSIX calls as Linux has them.

backend.py         what the seam asks for
writer.py          one upload being received in place
folder.py          opening below the root, never outside it
assembly.py        one file out of several segments
walk.py            every file, every empty folder
preallocation.py   disk space reserved ahead of a writer
dirty.py           what still has to be synced with durability "process"
lane.py            at most one disk operation at a time
oserrors.py        what the kernel said, in the words of the seam
"""

from .backend import FilesystemBackend

__all__ = ["FilesystemBackend"]
