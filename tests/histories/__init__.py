"""Histories: what clients do with uploads, made up at random, against the real program and against a model.

`python -m tests.crash histories` runs them long; test_histories.py shows that they would find bugs.
"""
