"""Does a server speak tus 1.0.0, or the IETF draft for resumable uploads?

`python -m conformance URL` asks any server, and explains every red line. Stands alone: the standard library
only, and nothing of the server that lives beside it.
"""
