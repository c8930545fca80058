"""`python -m bench.scaling FIGURES`: what a cluster would carry, and where its first wall is.

Belongs here: words on the command line, and the tables. Not here: the model.
"""

import argparse
import sys
from pathlib import Path

from bench.units import GIB, MIB, parse_size, size_text

from .check import points
from .costs import Costs, NotMeasured, costs_of, read_figures
from .model import Cluster, Workload, capacities, first_wall

_SIZES = tuple(map(parse_size, ("4KiB", "1MiB", "16MiB", "256MiB", "4GiB")))


def main() -> int:
    """Returns the exit status: 2 when the figures do not do."""
    chosen = _parser().parse_args()
    try:
        figures = read_figures(chosen.figures)
        costs = costs_of(figures)
        found = points(figures, costs)
    except (OSError, ValueError, NotMeasured) as error:
        sys.stderr.write(f"{chosen.figures}: {error}\n")
        return 2
    cluster = Cluster(
        nodes=chosen.nodes,
        cores=chosen.cores,
        postgres_cores=chosen.postgres_cores,
        network=chosen.network * 1e9 / 8,
        store=chosen.store * 1e9,
        busy=chosen.busy,
    )
    _print(_said(costs, chosen.connections))
    _print(_table(costs, cluster, chosen))
    _print(
        "\n| the model on the measured machine | predicted | measured | error |\n| --- | ---: | ---: | ---: |"
    )
    for point in found:
        _print(
            f"| {point.what} | {point.predicted:.4g} {point.unit} | {point.measured:.4g} {point.unit} | "
            f"{point.error:+.0%} |"
        )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.scaling",
        description="What a cluster carries, from costs measured on one machine.",
    )
    parser.add_argument("figures", type=Path, help="written by `python -m bench --json`")
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--cores", type=int, default=8, help="of each node, for workers")
    parser.add_argument("--postgres-cores", type=int, default=8)
    parser.add_argument("--network", type=float, default=10, help="Gbit/s of each node")
    parser.add_argument("--store", type=float, default=5, help="GB/s of the object store or of all disks")
    parser.add_argument("--busy", type=float, default=0.7, help="share of its time that anything may be busy")
    parser.add_argument("--patch", type=parse_size, default=1 << 62, help="the most that a request brings")
    parser.add_argument("--inline", type=parse_size, default=256 * 1024, help="uploads.inline_limit")
    parser.add_argument("--checkpoint", type=parse_size, default=16 * MIB, help="uploads.checkpoint_bytes")
    parser.add_argument("--size", type=parse_size, nargs="*", default=_SIZES, help="of the uploads")
    parser.add_argument("--connections", type=int, default=100_000, help="open and idle, for the memory")
    return parser


def _said(costs: Costs, connections: int) -> str:
    return (
        f"CPU: {costs.upload * 1000:.3g} ms an upload, {costs.request * 1000:.3g} ms a request more, "
        f"{costs.gib:.3g} s a GiB; Postgres {costs.small * 1000:.3g} ms a small upload, "
        f"{costs.transaction * 1000:.3g} ms another transaction. "
        f"Memory: {costs.connection * connections / GIB:.2g} GiB for {connections} idle connections.\n"
    )


def _table(costs: Costs, cluster: Cluster, chosen: argparse.Namespace) -> str:
    names = ("worker cores", "Postgres", "network", "store")
    lines = [
        "| uploads of | uploads/s | GB/s | first wall | " + " | ".join(names) + " |",
        "| --- | ---: | ---: | --- |" + " ---: |" * len(names),
    ]
    for size in chosen.size:
        load = Workload(size=size, patch=chosen.patch, inline=chosen.inline, checkpoint=chosen.checkpoint)
        found = capacities(costs, cluster, load)
        wall = first_wall(found)
        each = " | ".join(_short(found[name]) for name in names)
        carried = f"{_short(found[wall])} | {_short(found[wall] * size / 1e9)}"
        lines.append(f"| {size_text(size)} | {carried} | {wall} | {each} |")
    return "\n".join(lines)


def _short(value: float) -> str:
    """Three digits that count, and no exponent."""
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
