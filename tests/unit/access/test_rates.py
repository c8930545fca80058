"""The generic cell rate algorithm, and the table that workers share."""

from pathlib import Path

import pytest

from tusd_py.access.rates import PROBES, SLOTS, Rate, RateTable

TEN = Rate(per_second=1.0, burst=10.0)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def table(clock: Clock, path: Path | None = None, boot: str = "this one") -> RateTable:
    return RateTable(path, boot=boot, clock=clock)


def test_a_burst_is_let_through_and_then_one_at_a_time(clock: Clock) -> None:
    rates = table(clock)
    assert [rates.take("ann", 1, TEN).wait for _ in range(10)] == [0.0] * 10
    assert rates.take("ann", 1, TEN).wait == pytest.approx(1.0)
    assert rates.take("bob", 1, TEN).wait == 0.0
    clock.now += 0.5
    assert rates.take("ann", 1, TEN).wait == pytest.approx(0.5)
    clock.now += 0.5
    counted = rates.take("ann", 1, TEN)
    assert (counted.wait, counted.remaining, counted.reset) == (0.0, 0.0, 10.0)


def test_in_any_minute_a_burst_and_a_minute_s_worth_come_through(clock: Clock) -> None:
    rates, let = table(clock), 0
    rate = Rate(per_second=100 / 60, burst=100 / 6)
    for _ in range(6000):
        let += rates.take("ann", 1, rate).wait == 0.0
        clock.now += 0.01
    assert 100 <= let <= 117


def test_what_is_pushed_counts_in_any_case(clock: Clock) -> None:
    rates = table(clock)
    rate = Rate(per_second=100.0, burst=100.0)
    assert rates.push("ann", 50, rate).wait == 0.0
    assert rates.push("ann", 150, rate).wait == pytest.approx(1.0)
    assert rates.push("ann", 100, rate).wait == pytest.approx(2.0)


def test_workers_share_a_file(clock: Clock, tmp_path: Path) -> None:
    one, two = table(clock, tmp_path / "rates"), table(clock, tmp_path / "rates")
    let = sum(worker.take("ann", 1, TEN).wait == 0.0 for worker in (one, two) for _ in range(20))
    assert let == 10


def test_the_times_of_another_boot_are_forgotten(clock: Clock, tmp_path: Path) -> None:
    before = table(clock, tmp_path / "rates")
    before.push("ann", 1e6, TEN)
    clock.now = 1.0
    assert table(clock, tmp_path / "rates").take("ann", 1, TEN).wait > 1000
    assert table(clock, tmp_path / "rates", "another").take("ann", 1, TEN).wait == 0.0


def test_a_full_table_never_refuses_somebody_new(clock: Clock) -> None:
    rates = table(clock)
    for number in range(SLOTS * 2):
        rates.push(f"user {number}", 1, TEN)
    assert rates.take("somebody new", 1, TEN).wait == 0.0
    assert PROBES > 1
