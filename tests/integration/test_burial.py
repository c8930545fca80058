"""Workers that are gone are buried, and only those."""

from dataclasses import replace
from pathlib import Path

from tusd_py.metadata.host import Host
from tusd_py.work.burial import RENEW_EVERY, Pulse

from .house import TTL, Clock, Seconds, working

ELSEWHERE = Host(boot="another boot", machine="another machine", folder="1:1")
LONG = 60.0


async def test_workers_of_an_earlier_boot_are_buried(tmp_path: Path) -> None:
    clock = Clock()
    before = Host(boot="another boot", machine="", folder="1:1")
    async with working(tmp_path, clock, host=before) as one, working(tmp_path, clock) as other:
        one.liveness.close()
        assert await other.burials().bury() == 0
        clock.ahead = 2 * TTL
        await other.workers.renew(other.id, TTL)
        assert await other.burials().bury() == 1


async def test_a_worker_of_another_folder_is_not_dead_because_its_lock_is_not_here(tmp_path: Path) -> None:
    clock = Clock()
    async with working(tmp_path / "one", clock) as one, working(tmp_path / "other", clock) as stranger:
        # As two containers of one kernel, with one database.
        await one.workers.register(stranger.id, str(stranger.standings.host), "this boot", "", TTL)
        burials = one.burials(seconds := Seconds())
        seconds.pass_by(LONG, burials)
        assert await burials.bury() == 0
        clock.ahead = 2 * TTL
        await one.workers.renew(one.id, TTL)
        seconds.pass_by(LONG, burials)
        assert await burials.bury() == 1


async def test_the_silent_of_other_hosts_are_buried_by_those_who_were_not_cut_off(tmp_path: Path) -> None:
    clock = Clock()
    async with working(tmp_path, clock) as one:
        strange = Host(boot=one.standings.host.boot, machine="", folder="1:1")
        await one.workers.register("0" * 16, str(strange), "b", "", TTL)
        clock.ahead = 2 * TTL
        await one.workers.renew(one.id, TTL)
        burials = one.burials(seconds := Seconds())
        assert await burials.bury() == 0
        seconds.passed += LONG  # the database was away
        burials.pulse.beat()
        assert await burials.bury() == 0
        seconds.pass_by(LONG, burials)
        assert await burials.bury() == 1


async def test_one_that_is_buried_from_afar_may_be_frozen_and_keeps_its_lock(tmp_path: Path) -> None:
    clock = Clock()
    async with working(tmp_path, clock, host=ELSEWHERE) as far, working(tmp_path, clock) as near:
        clock.ahead = 2 * TTL
        await near.workers.renew(near.id, TTL)
        # Hosts that share the folder with the data, and with it that with the locks.
        shared = replace(near.standings, spans_hosts=True)
        burials = replace(near.burials(seconds := Seconds()), standings=shared)
        assert await burials.bury() == 0
        seconds.pass_by(LONG, burials)
        assert await burials.bury() == 1
        assert not near.liveness.is_dead(far.id)


async def test_nobody_is_buried_because_the_clock_of_the_database_jumped(tmp_path: Path) -> None:
    clock = Clock()
    async with working(tmp_path, clock) as one:
        await one.workers.register("0" * 16, str(ELSEWHERE), "b", "", TTL)
        shared = replace(one.standings, spans_hosts=True)
        burials = replace(one.burials(seconds := Seconds()), standings=shared)
        seconds.pass_by(LONG, burials)
        assert await burials.bury() == 0
        # As after a failover to a server whose clock is ahead; each renews in time, and one after the other.
        clock.ahead = 2 * TTL
        await one.workers.renew(one.id, TTL)
        assert await burials.bury() == 0
        await one.workers.renew("0" * 16, TTL)
        seconds.pass_by(RENEW_EVERY, burials)
        assert await burials.bury() == 0


def test_a_pulse_is_steady_after_the_time_for_which_a_worker_may_be_silent() -> None:
    now = 0.0
    pulse = Pulse(lambda: now)
    while now < TTL / 1e6:
        assert not pulse.is_steady
        now += RENEW_EVERY
        pulse.beat()
    assert pulse.is_steady
    now = 60.0  # the database was away
    assert not pulse.is_steady
    pulse.beat()
    assert not pulse.is_steady
