"""Several nodes over one Postgres: programs that share no locks and no sockets, as if on different hosts.

Belongs here: setting them up. Not here: what is in front of them (tests/services/proxies.py).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from .server import Server
from .wire import Address

Storage = Callable[[Path, int], Mapping[str, str]]
"""The settings by which a node, by its number, keeps bytes where the others in the folder find them."""


def shared_folder(folder: Path, number: int) -> Mapping[str, str]:
    """One folder for all, declared so; locks and sockets in one for each."""
    return {"storage.shared": "true", "storage.service_dir": str(folder / f"node{number}" / "service")}


@dataclass(frozen=True, slots=True)
class Cluster:
    """Nodes that run."""

    nodes: Sequence[Server]

    def seen_from(self, proxy: Address) -> Server:
        """As clients see it: one server, whose rows and files are everybody's. Not to be started."""
        return replace(self.nodes[0], address=proxy, _process=None)


@asynccontextmanager
async def cluster(
    folder: Path, database_url: str, storage: Storage, *, count: int, settings: Mapping[str, str]
) -> AsyncIterator[Cluster]:
    """Start `count` nodes, and stop them."""
    nodes = []
    for number in range(count):
        own = folder / f"node{number}"
        own.mkdir()
        nodes.append(
            Server(
                folder=own,
                upload_dir=folder / "data",
                database_url=database_url,
                settings={
                    "server.trusted_proxies": "127.0.0.1",
                    "access.auth": "none",
                    **storage(folder, number),
                    **settings,
                },
            )
        )
    async with AsyncExitStack() as stack:
        for node in nodes:
            stack.push_async_callback(node.stop)
            await node.start()  # the first one makes the schema
        yield Cluster(nodes)


async def restart_killed(node: Server) -> float:
    """kill -9, and start again; seconds until it is ready."""
    await node.kill9()
    node.spawn()
    return await node.ready()


async def restart_gently(node: Server) -> float:
    """SIGTERM, and start again; seconds until it had ended. Raises AssertionError for another exit than 0."""
    code, seconds = await node.terminate()
    assert code == 0, f"exit {code} after SIGTERM; the log ends: {node.log[-2000:]}"
    await node.start()
    return seconds


async def kept_going(answered: Callable[[], int], least: int, within: float) -> None:
    """Wait until so many more requests were answered. Raises TimeoutError."""
    before = answered()
    async with asyncio.timeout(within):
        while answered() < before + least:
            await asyncio.sleep(0.02)
