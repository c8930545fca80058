"""The rules of resumable uploads, as plain values and functions.

Belongs here: errors, states, strict parsing of what clients send, and the answers they get; only the
standard library. Not here: I/O, clocks, logging, `await`; the same request always gets the same answer.
"""
