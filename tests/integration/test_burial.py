"""Workers that are gone are buried, and only those."""

from pathlib import Path

from tusd_py.metadata.host import Host
from tusd_py.work.burial import bury_dead

from .house import Clock, working


async def test_workers_of_an_earlier_boot_are_buried(tmp_path: Path) -> None:
    clock = Clock()
    async with working(tmp_path, clock) as one, working(tmp_path, clock) as other:
        one.liveness.close()
        now = str(Host(boot="another boot", machine=""))
        assert await bury_dead(other.workers, other.liveness, other.wakeups, now) == 0
        clock.ahead = 60_000_000
        await other.workers.renew(other.id, 30_000_000)
        assert await bury_dead(other.workers, other.liveness, other.wakeups, now) == 1
