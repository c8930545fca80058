"""Scanning, one module at a time."""
