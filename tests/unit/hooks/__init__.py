"""Hooks, one module at a time."""
