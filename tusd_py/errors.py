"""What stops a command: said to a person at a terminal, never to a client.

Belongs here: what may end a command. Not here: what clients hear (protocol/errors.py).
"""


class Refused(Exception):  # a decision, not an accident
    """We will not go on. `message` says what was found and what was wanted, `hint` what to do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Mistyped(Refused):
    """What was typed cannot be meant, whatever the installation is like."""
