"""DELETE: end an upload (tus 1.0.0, Termination)."""

from protocol.answer import Answer

from .answers import tus_answer


def answer_terminated() -> Answer:
    """204; whoever asks for the upload from now on hears 410."""
    return tus_answer(204, {})
