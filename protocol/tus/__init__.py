"""tus 1.0.0, one file per verb: parse what was asked, check it against the upload, make the answer.

Extensions spoken: creation, creation-with-upload, creation-defer-length, expiration, termination, checksum,
concatenation, concatenation-unfinished.
Belongs here: the tus dialect. Not here: what any dialect needs (`protocol`).
"""
