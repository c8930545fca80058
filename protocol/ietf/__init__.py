"""Resumable Uploads for HTTP, the draft of the IETF's HTTP working group.

draft-ietf-httpbis-resumable-upload, which clients name by interop versions; sections are those of -12.
Belongs here: the dialect. Not here: what any dialect needs (`protocol`).
"""
