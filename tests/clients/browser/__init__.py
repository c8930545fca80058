"""Clients in a real browser: Chromium, with pages of another origin than the server's."""
