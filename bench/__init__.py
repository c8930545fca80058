"""Measures this server beside others on one machine: `python -m bench --list`, then `python -m bench large`.

Belongs here: starting servers, loading them, and figures. Not here: what is right or wrong on the wire
(conformance) and after faults (tests/crash); nothing of the product is imported, it is run as a program.
"""
