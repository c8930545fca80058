"""Real services for tests, each started by the test session on a free port of the loopback."""
