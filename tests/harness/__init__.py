"""Shared by the tests that run the real program: content, servers, a raw client, the ledger, its checker.

Belongs here: parts that know nothing of a single test. Not here: the faults (tests/crash) and the
foreign clients (tests/clients).
"""
