"""What a cluster carries: each resource alone, and which of them is the first wall.

Every upload costs each resource something; a resource that is planned to be busy for a share of its time
carries that share divided by the cost. Nothing is assumed about queues but that share.

Belongs here: costs and machines to uploads per second. Not here: where costs come from (costs.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.units import GIB

from .costs import PATCH_TRANSACTIONS, Costs

FILE_TRANSACTIONS = 3.0
"""To create an upload, and to make its file when it is complete, as pg_stat_database counts them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Machines. Rates are bytes per second."""

    nodes: int
    cores: int
    """Of each node, for workers."""
    postgres_cores: int
    network: float
    """Of each node in one direction; with an object store, as much goes out as comes in."""
    store: float
    """What the object store takes, or all disks together."""
    busy: float
    """The share of its time that a resource is planned to be busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Uploads of one kind. Sizes in bytes."""

    size: int
    patch: int
    """The most that one request brings; clients without a chunk size bring all."""
    inline: int
    """`uploads.inline_limit`: up to here an upload is one file and one commit."""
    checkpoint: int
    """`uploads.checkpoint_bytes`."""

    @property
    def patches(self) -> int:
        return max(1, -(-self.size // self.patch))

    @property
    def is_small(self) -> bool:
        return self.size <= self.inline and self.patches == 1

    @property
    def transactions(self) -> float:
        """Of one that is not small."""
        checkpoints = max(0, min(self.patch, self.size) - 1) // self.checkpoint * self.patches
        return FILE_TRANSACTIONS + PATCH_TRANSACTIONS * self.patches + checkpoints


def worker_seconds(costs: Costs, load: Workload) -> float:
    """CPU of the workers for one upload."""
    return costs.upload + costs.request * (load.patches - 1) + costs.gib * load.size / GIB


def postgres_seconds(costs: Costs, load: Workload) -> float:
    """CPU of Postgres for one upload."""
    return costs.small if load.is_small else costs.transaction * load.transactions


def capacities(costs: Costs, cluster: Cluster, load: Workload) -> Mapping[str, float]:
    """Uploads per second that each resource carries alone."""
    worker = worker_seconds(costs, load)
    postgres = postgres_seconds(costs, load)
    size = max(load.size, 1)
    return {
        "worker cores": cluster.busy * cluster.nodes * cluster.cores / worker,
        "Postgres": cluster.busy * cluster.postgres_cores / postgres,
        "network": cluster.busy * cluster.nodes * cluster.network / size,
        "store": cluster.busy * cluster.store / size,
    }


def first_wall(found: Mapping[str, float]) -> str:
    """The resource that gives up first."""
    return min(found, key=lambda name: found[name])
