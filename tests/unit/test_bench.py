"""The benchmarks' arithmetic, and a tiny run of each kind of load against the real program, so that they do
not rot. Figures are not judged here: this machine is busy with tests.
"""

import ast
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from bench import measure
from bench.arithmetic import paired_ratios, percentile, spread
from bench.bare import large_files, small_files
from bench.cases.case import CPU_PER_GIB, RATE, Aim, Case, Contender, Options, Reading
from bench.cases.every import CASES
from bench.cases.full import fill
from bench.cases.readings import large_reading, loaded, small_reading, warm
from bench.cli import main
from bench.content import WrongBytes, check_bodies, check_small, sha, slices, small
from bench.load.generator import Generator
from bench.load.loads import HeadLoad, IdleLoad, LargeLoad, SlowLoad, SmallLoad, Target
from bench.load.wire import LoadFailed, parse_answer
from bench.rounds import Result, run_case
from bench.subjects import floors
from bench.subjects.ours import Ours
from bench.subjects.postgres import Postgres
from bench.subjects.subject import Running, Subject, running
from bench.table import table as table_of
from bench.units import MIB, parse_size, size_text

BENCH = Path(__file__).parents[2] / "bench"
STAT = "4242 (python -m (x) y) S 17 4242 4242 0 -1 4194560 9 8 7 6 250 50 30 20 20 0 3 0 777 1 2"


def options(folder: Path, *, rounds: int = 1) -> Options:
    return Options(
        rounds=rounds,
        length=MIB,
        connections=2,
        clients=4,
        seconds=0.2,
        idle=8,
        slow=4,
        slow_seconds=1.0,
        rows=10,
        memory=folder,
        disk=folder,
        lasting=ExitStack(),
        postgres=Postgres(ExitStack(), folder),
    )


# --- arithmetic


def test_a_spread_is_the_median_with_its_range() -> None:
    found = spread([3.0, 1.0, 10.0, 2.0])
    assert (found.median, found.least, found.most) == (2.5, 1.0, 10.0)


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert percentile(values, 50) == 50
    assert percentile(values, 99) == 99
    assert percentile(values, 100) == 100
    assert percentile([7.0], 99) == 7
    with pytest.raises(ValueError, match="at least one"):
        percentile([], 50)


def test_ratios_are_made_round_by_round() -> None:
    assert paired_ratios([2.0, 30.0], [1.0, 10.0]) == [2.0, 3.0]
    assert paired_ratios([2.0, 30.0], [0.0, 10.0]) == [3.0]


@pytest.mark.parametrize(("text", "count"), [("4096", 4096), ("64KiB", 65536), ("2 gib", 2 << 30)])
def test_sizes_are_read_as_people_write_them(text: str, count: int) -> None:
    assert parse_size(text) == count
    assert parse_size(size_text(count).removesuffix(" bytes")) == count


# --- what the kernel says


def test_a_command_with_parentheses_does_not_shift_the_fields() -> None:
    found = measure.parse_stat(STAT)
    tick = os.sysconf("SC_CLK_TCK")
    assert (found.pid, found.parent, found.threads) == (4242, 17, 3)
    assert found.user == pytest.approx((250 + 30) / tick)
    assert found.system == pytest.approx((50 + 20) / tick)


def test_sizes_of_the_kernel_are_kibibytes() -> None:
    assert measure.parse_sizes("Name:\tcat\nVmHWM:\t    12 kB\nThreads:\t3\n") == {"VmHWM": 12288}


def test_cpu_of_children_that_have_ended_counts() -> None:
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    wait = "print(1, flush=True); input()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}]); {wait}"
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert measure.cpu(process.pid).total >= 0.15
        assert measure.memory(process.pid).peak > MIB
        process.communicate(b"\n")
    assert measure.family(process.pid) == []


# --- content


def write_body(path: Path, body: int, length: int) -> Path:
    path.write_bytes(b"".join(slices(body, 0, length)))
    return path


def test_bodies_can_be_cut_anywhere() -> None:
    whole = b"".join(slices(3, 0, MIB))
    assert b"".join(slices(3, 300_000, 900_001)) == whole[300_000:900_001]
    assert sha("sha1", 3, 0, 10) == sha("sha1", 3, 0, 10) != sha("sha1", 4, 0, 10)


def test_a_wrong_byte_is_found(tmp_path: Path) -> None:
    write_body(tmp_path / "0", 0, MIB)
    path = write_body(tmp_path / "1", 1, MIB)
    check_bodies(tmp_path, range(2), MIB)
    stored = bytearray(path.read_bytes())
    stored[700_000] ^= 1
    path.write_bytes(stored)
    with pytest.raises(WrongBytes):
        check_bodies(tmp_path, range(2), MIB)


def test_a_body_stored_twice_does_not_stand_for_another(tmp_path: Path) -> None:
    for name in ("0", "1"):
        write_body(tmp_path / name, 0, MIB)
    with pytest.raises(WrongBytes):
        check_bodies(tmp_path, range(2), MIB)


def test_a_missing_small_upload_is_found(tmp_path: Path) -> None:
    for number in (0, 1, 3):
        (tmp_path / str(number)).write_bytes(small(number, 64))
    check_small(tmp_path, 2, 64)
    with pytest.raises(WrongBytes, match="1 of 4"):
        check_small(tmp_path, 4, 64)


# --- answers


@pytest.mark.parametrize(
    "received",
    [
        b"HTTP/1.1 201 Created\r\nLocation: /files/x\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 201 OK\r\nlocation: //h/files/x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n.\r\n0\r\n\r\n",
    ],
)
def test_an_answer_is_known_when_all_of_it_has_come(received: bytes) -> None:
    for end in range(len(received)):
        assert parse_answer(received[:end]) is None
    answer = parse_answer(received)
    assert answer is not None
    assert answer.location() == "/files/x"


def test_another_offset_than_was_sent_is_a_failure() -> None:
    answer = parse_answer(b"HTTP/1.1 204 No Content\r\nUpload-Offset: 10\r\n\r\n")
    assert answer is not None
    answer.check_offset(204, 10)
    with pytest.raises(LoadFailed, match="Upload-Offset 11"):
        answer.check_offset(204, 11)


# --- rounds and tables


def made_up_case(order: list[str], figures: dict[str, list[float]]) -> Case:
    def contender(name: str) -> Contender:
        def measure_it() -> Reading:
            order.append(name)
            return {CPU_PER_GIB.key: figures[name].pop(0), RATE.key: 1000.0}

        return Contender(name=name, measure=measure_it)

    def contenders(_: Options) -> Sequence[Contender]:
        absent = Contender(name="absent", measure=dict, missing="is not on PATH")
        return [contender("floor"), contender("ours"), absent]

    return Case(
        name="made up",
        meaning="Nothing.",
        columns=(CPU_PER_GIB, RATE),
        contenders=contenders,
        reference="floor",
        aims=(
            Aim(contender="ours", column=CPU_PER_GIB, at_most=1.2, of="floor"),
            Aim(contender="ours", column=RATE, at_least=2000),
            Aim(contender="absent", column=RATE, at_least=1),
        ),
    )


def run_made_up(tmp_path: Path, order: list[str]) -> Result:
    case = made_up_case(order, {"floor": [0.5, 1.0, 0.6], "ours": [0.55, 1.1, 0.9]})
    return run_case(case, options(tmp_path, rounds=3), lambda _: None)


def test_another_contender_begins_each_round(tmp_path: Path) -> None:
    order: list[str] = []
    run_made_up(tmp_path, order)
    assert order == ["floor", "ours", "ours", "floor", "floor", "ours"]


def test_a_table_has_medians_ranges_ratios_and_aims(tmp_path: Path) -> None:
    text = table_of(run_made_up(tmp_path, []))
    assert "| ours | 0.90 (0.55-1.10) | 1.10x | 1000 (1000-1000) | 1.00x |" in text
    assert "- met: CPU s/GiB of ours at most 1.2 times that of floor; found 1.10 (1.10-1.50)" in text
    assert "- MISSED: MB/s of ours at least 2000; found 1000" in text
    assert "- not known: MB/s of absent at least 1" in text
    assert "- not measured: absent is not on PATH" in text


def test_a_contender_that_fails_is_left_out_and_named(tmp_path: Path) -> None:
    def fail() -> Reading:
        raise WrongBytes("3 are missing")

    case = Case(
        name="one",
        meaning="",
        columns=(RATE,),
        contenders=lambda _: [Contender(name="broken", measure=fail)],
    )
    result = run_case(case, options(tmp_path, rounds=2), lambda _: None)
    assert result.readings == {}
    assert "broken failed: WrongBytes: 3 are missing" in table_of(result)


def test_every_case_names_its_contenders_once_and_aims_at_those(tmp_path: Path) -> None:
    for case in CASES:
        names = [contender.name for contender in case.contenders(options(tmp_path))]
        assert len(names) == len(set(names)), case.name
        assert {aim.contender for aim in case.aims} <= set(names), case.name
        assert {aim.of for aim in case.aims} | {case.reference} <= {*names, ""}, case.name


def test_the_cases_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    said = capsys.readouterr().out
    assert all(case.name in said and case.meaning in said for case in CASES)


def test_nothing_of_the_product_is_imported() -> None:
    roots = set()
    for path in BENCH.rglob("*.py"):
        # Peers are other people's; the search is measured where it is asked, without a server around it.
        if path.relative_to(BENCH).parts[0] in ("peers", "search"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                roots |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                roots.add((node.module or "").partition(".")[0])
    assert not roots & {"tusd_py", "protocol", "storage_backends"}


# --- the disk without a server


def test_plain_writes_write_what_a_server_would(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    written = small_files(tmp_path / "small", length=4096, threads=2, seconds=0.05)
    assert written.files == len(list((tmp_path / "small").iterdir())) > 0
    large_files(tmp_path, length=MIB, threads=2, sync_every=300_000)
    check_bodies(tmp_path, range(2), MIB)


# --- the real program, and the floors


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Ours. With durability "power", since nothing is left to be done after the last answer."""
    ours = Ours(durability="power").subject("tusd-py")
    with running(ours, tmp_path_factory.mktemp("bench")) as running_server:
        yield running_server


@pytest.mark.parametrize("checksum", ["", "sha256"])
def test_large_uploads_are_sent_and_measured(server: Running, checksum: str) -> None:
    load = LargeLoad(target=server.target, connections=2, length=MIB, patch=400_000, checksum=checksum)
    reading = large_reading(server, load)
    assert reading["mb_per_s"] > 0
    assert reading["peak_mib"] > 1
    assert reading["patch_p99_ms"] >= reading["patch_p50_ms"] > 0


@pytest.mark.parametrize("with_upload", [False, True])
def test_small_uploads_are_sent_and_measured(server: Running, with_upload: bool) -> None:
    load = SmallLoad(
        target=server.target, connections=4, length=4096, seconds=30, with_upload=with_upload, most=20
    )
    reading = small_reading(server, load)
    assert reading["uploads_per_s"] > 0
    assert ("patch_p99_ms" in reading) is not with_upload


def test_a_load_without_an_end_goes_on_until_it_is_told(server: Running) -> None:
    large = LargeLoad(target=server.target, connections=1, length=MIB, patch=MIB)
    small_ones = SmallLoad(
        target=server.target, connections=2, length=4096, seconds=600, with_upload=True, first_number=1000
    )
    head = HeadLoad(target=server.target, pause=0.001)
    (sent, made, asked), _ = loaded(server, large, small_ones, head)
    assert sent.received == MIB
    assert made.uploads > 0
    assert asked.latency["HEAD"].count > 0


def test_idle_connections_are_counted(server: Running) -> None:
    with Generator(IdleLoad(target=server.target, connections=8)) as generator:
        assert generator.run().open == 8


def test_what_slow_clients_had_sent_is_asked_for(server: Running) -> None:
    load = SlowLoad(target=server.target, connections=3, rate=1024, seconds=0.5)
    with Generator(load) as generator:
        assert generator.run().received > 0


def test_a_generator_says_why_it_failed() -> None:
    nowhere = Target(host="127.0.0.1", port=1, path="/files/")
    with (
        pytest.raises(LoadFailed, match="IdleLoad: ConnectionRefusedError"),
        Generator(IdleLoad(target=nowhere, connections=1)) as generator,
    ):
        generator.run()


@pytest.mark.parametrize("subject", [floors.floor(), floors.syncing_floor(300_000), floors.c_floor()])
def test_a_floor_stores_what_is_sent(subject: Subject, tmp_path: Path) -> None:
    if subject.missing:
        pytest.skip(f"{subject.name} {subject.missing}")
    with running(subject, tmp_path) as server:
        load = LargeLoad(target=server.target, connections=2, length=MIB, patch=400_000)
        assert large_reading(server, load)["mb_per_s"] > 0
        in_one = SmallLoad(
            target=server.target, connections=2, length=4096, seconds=30, with_upload=True, most=20
        )
        assert small_reading(server, in_one)["uploads_per_s"] > 0


def test_a_seeded_catalogue_is_one_that_our_server_takes(tmp_path: Path) -> None:
    ours = Ours(durability="power").subject("tusd-py")
    with running(ours, tmp_path) as server:
        warm(server, 1, with_upload=True)
    database = tmp_path / "uploads" / ".tusd" / "tusd.db"
    fill(database, 500)
    with running(ours, tmp_path) as server:
        warm(server, 1, with_upload=True)
    with closing(sqlite3.connect(database)) as connection:
        for table in ("uploads", "files", "versions"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] > 500
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
