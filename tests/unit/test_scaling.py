"""The scaling model's arithmetic, with figures that are easy to follow."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.cases.large import IN_FEW, IN_FEW_ON_POSTGRES
from bench.scaling.check import points
from bench.scaling.costs import ON_POSTGRES, ONE, Costs, NotMeasured, costs_of, read_figures
from bench.scaling.model import Cluster, Workload, capacities, first_wall
from bench.units import GIB, KIB, MIB

ROOT = Path(__file__).parents[2]

COSTS = Costs(upload=0.001, request=0.0005, gib=1.0, small=0.0003, transaction=0.0001, connection=10 * KIB)
CLUSTER = Cluster(nodes=2, cores=4, postgres_cores=3, network=GIB, store=4 * GIB, busy=0.5)

CASES: dict[str, Any] = {
    "small": {
        "readings": {
            ON_POSTGRES: [
                {
                    "cpu_ms_per_upload": 1.5,
                    "database_cpu_ms_per_upload": 0.6,
                    "load_cores": 0.95,
                    "uploads_per_s": 500.0,
                }
            ],
        }
    },
    "large": {"readings": {ONE: [{"cpu_s_per_gib": 0.8}]}},
    "many-patches": {
        "readings": {
            IN_FEW: [{"cpu_ms_per_patch": 0.1}, {"cpu_ms_per_patch": 0.5}, {"cpu_ms_per_patch": 7.0}],
            IN_FEW_ON_POSTGRES: [{"database_cpu_ms_per_patch": 0.5}],
        }
    },
    "patches": {"readings": {ONE: [{"cpu_s_per_gib": 0.9}]}},
    "idle": {"readings": {ONE: [{"each_kib": 10.0}]}},
}


def written(folder: Path, cases: dict[str, Any] = CASES) -> Path:
    path = folder / "figures.json"
    path.write_text(json.dumps({"machine": {"cores": "2"}, "cases": cases}))
    return path


def load(size: int, patch: int = 1 << 62) -> Workload:
    return Workload(size=size, patch=patch, inline=256 * KIB, checkpoint=16 * MIB)


def test_costs_are_medians_of_what_was_measured(tmp_path: Path) -> None:
    costs = costs_of(read_figures(written(tmp_path)))
    assert costs.upload == pytest.approx(0.0015)
    assert costs.request == pytest.approx(0.0005)
    assert costs.gib == pytest.approx(0.8)
    assert costs.small == pytest.approx(0.0006)
    assert costs.transaction == pytest.approx(0.0002)
    assert costs.connection == 10 * KIB


def test_what_was_not_measured_is_named(tmp_path: Path) -> None:
    figures = read_figures(written(tmp_path, {**CASES, "idle": {"readings": {}}}))
    with pytest.raises(NotMeasured, match="no 'KiB each' of 'tusd-py' in the case 'idle'"):
        costs_of(figures)


@pytest.mark.parametrize(
    ("size", "patch", "transactions"),
    [
        (4 * KIB, 2 * KIB, 3 + 2 * 2.5),
        (256 * KIB + 1, 1 << 62, 3 + 2.5),
        (16 * MIB, 1 << 62, 3 + 2.5),
        (16 * MIB + 1, 1 << 62, 3 + 2.5 + 1),
        (64 * MIB, 1 << 62, 3 + 2.5 + 3),
        (64 * MIB, 8 * MIB, 3 + 8 * 2.5),
        (64 * MIB, 32 * MIB, 3 + 2 * 2.5 + 2),
    ],
)
def test_transactions_grow_with_patches_and_checkpoints(size: int, patch: int, transactions: float) -> None:
    assert not load(size, patch).is_small
    assert load(size, patch).transactions == transactions


def test_small_uploads_are_stopped_by_cores_and_large_ones_by_links() -> None:
    small = capacities(COSTS, CLUSTER, load(4 * KIB))
    assert small["worker cores"] == pytest.approx(0.5 * 8 / (0.001 + 4 * KIB / GIB))
    assert small["Postgres"] == pytest.approx(0.5 * 3 / 0.0003)
    assert first_wall(small) == "worker cores"
    large = capacities(COSTS, CLUSTER, load(GIB))
    assert large["network"] == pytest.approx(0.5 * 2)
    assert large["store"] == pytest.approx(0.5 * 4)
    assert first_wall(large) == "network"


def test_the_model_is_held_against_figures_that_it_was_not_made_of(tmp_path: Path) -> None:
    figures = read_figures(written(tmp_path))
    added, filled = points(figures, costs_of(figures))
    assert added.predicted == pytest.approx(0.8 + 0.0005 * 128)
    assert added.error == pytest.approx(0.864 / 0.9 - 1)
    assert filled.predicted == pytest.approx((2 - 0.95) / 0.0021)
    assert filled.measured == 500


def test_the_command_prints_tables_and_names_a_bad_file(tmp_path: Path) -> None:
    def run(path: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "bench.scaling", str(path), "--nodes", "3"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    found = run(written(tmp_path))
    assert found.returncode == 0, found.stderr
    assert "| 4 KiB |" in found.stdout
    wrong = tmp_path / "wrong.json"
    wrong.write_text("[]")
    found = run(wrong)
    assert (found.returncode, "not figures of" in found.stderr) == (2, True)
    assert "Traceback" not in found.stderr
