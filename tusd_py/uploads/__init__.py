"""The service: what can be done with an upload, one file an operation. Knows no HTTP."""
