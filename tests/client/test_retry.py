"""How long to wait, and when to give up, by a clock that is moved by hand."""

import pytest

from tusd_py.client.errors import GaveUp, Trouble
from tusd_py.client.options import Retries
from tusd_py.client.retry import Patience, patiently


class Clock:
    """Sleeping moves it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)


def patience(clock: Clock, retries: Retries, *, chance: float = 1.0) -> Patience:
    return Patience(retries, lambda _: None, clock=clock, dice=lambda: chance, sleep=clock.sleep)


async def test_waits_double_up_to_the_longest() -> None:
    clock = Clock()
    waiting = patience(clock, Retries(first_wait=1, longest_wait=5))
    for _ in range(5):
        await waiting.wait(Trouble("x"))
    assert clock.slept == [1, 2, 4, 5, 5]


async def test_chance_takes_up_to_half_of_a_wait() -> None:
    clock = Clock()
    await patience(clock, Retries(first_wait=1), chance=0.0).wait(Trouble("x"))
    await patience(clock, Retries(first_wait=1), chance=0.5).wait(Trouble("x"))
    assert clock.slept == [0.5, 0.75]


@pytest.mark.parametrize(("asked", "waited"), [(None, 1), (0.0, 1), (7.0, 7), (9999.0, 60)])
async def test_a_server_may_ask_for_more_and_not_for_less(asked: float | None, waited: float) -> None:
    clock = Clock()
    retries = Retries(first_wait=1, longest_retry_after=60)
    await patience(clock, retries).wait(Trouble("x", retry_after=asked))
    assert clock.slept == [waited]


@pytest.mark.parametrize("times", [0, 1, 5])
async def test_attempts_are_counted(times: int) -> None:
    clock = Clock()
    waiting = patience(clock, Retries(times=times))
    for _ in range(times):
        await waiting.wait(Trouble("x"))
    with pytest.raises(GaveUp, match=f"x; gave up after {times + 1} attempts? in"):
        await waiting.wait(Trouble("x"))


async def test_time_is_counted_from_the_last_progress() -> None:
    clock = Clock()
    waiting = patience(clock, Retries(times=None, within=10, first_wait=4, longest_wait=4))
    for _ in range(3):
        await waiting.wait(Trouble("x"))
        await waiting.wait(Trouble("x"))
        waiting.restore()
    await waiting.wait(Trouble("x"))
    await waiting.wait(Trouble("x"))
    with pytest.raises(GaveUp, match="gave up after 3 attempts in 8 s"):
        await waiting.wait(Trouble("x"))


async def test_nobody_waits_for_an_attempt_that_would_come_too_late() -> None:
    clock = Clock()
    with pytest.raises(GaveUp):
        await patience(clock, Retries(within=5)).wait(Trouble("x", retry_after=6))
    assert clock.slept == []


async def test_without_limits_it_goes_on_for_ever() -> None:
    clock = Clock()
    waiting = patience(clock, Retries(times=None))
    for _ in range(2000):
        await waiting.wait(Trouble("x"))
    assert clock.slept[-1] == Retries().longest_wait


async def test_only_trouble_is_tried_again() -> None:
    left = [Trouble("x"), Trouble("x"), ValueError("y")]

    async def attempt() -> None:
        raise left.pop(0)

    with pytest.raises(ValueError, match="y"):
        await patiently(patience(Clock(), Retries()), attempt)
