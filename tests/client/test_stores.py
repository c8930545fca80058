"""What is remembered, in memory and in a file; and the file under abuse."""

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.server import ROOT
from tusd_py.client import FileStore, MemoryStore, Remembered, Store, StoreFailed, UnderWay

ENTRY = Remembered(path="/a", parts={0: "http://h/1", 7: "http://h/2"}, final="http://h/3")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "uploads.json"


@pytest.fixture(params=["memory", "file"])
def make(request: pytest.FixtureRequest, path: Path) -> Callable[[], Store]:
    if request.param == "file":
        return lambda: FileStore(path)
    memory = MemoryStore()
    return lambda: memory


def test_what_is_kept_is_found_and_what_is_forgotten_is_not(make: Callable[[], Store]) -> None:
    assert make().find("a") is None
    make().keep("a", ENTRY)
    make().keep("b", Remembered(path="/b"))
    assert make().find("a") == ENTRY
    assert make().find("b") == Remembered(path="/b")
    make().forget("a")
    make().forget("a")
    assert make().find("a") is None
    assert make().find("b") is not None


def test_several_are_forgotten_at_once(make: Callable[[], Store]) -> None:
    for key in "abc":
        make().keep(key, ENTRY)
    make().forget("a", "c", "never")
    make().forget()
    assert [key for key in "abc" if make().find(key)] == ["b"]


def test_what_is_kept_last_counts(make: Callable[[], Store]) -> None:
    make().keep("a", Remembered(path="/old"))
    make().keep("a", ENTRY)
    assert make().find("a") == ENTRY


def test_a_claim_excludes_others_until_it_is_given_back(make: Callable[[], Store]) -> None:
    store = make()
    with store.claimed("a"):
        with store.claimed("b"):
            pass
        with pytest.raises(UnderWay), make().claimed("a"):
            pass
    with make().claimed("a"):
        pass


def test_a_claim_ends_well_where_its_file_cannot_be_removed(path: Path) -> None:
    store = FileStore(path)
    with store.claimed("a"):
        lock = path.with_name("uploads.json.a.lock")
        lock.unlink()
        lock.mkdir()
    lock.rmdir()
    with store.claimed("a"):
        pass


def test_nobody_else_may_read_the_file(path: Path) -> None:
    old = os.umask(0)
    try:
        FileStore(path).keep("a", ENTRY)
    finally:
        os.umask(old)
    for name in path.parent.iterdir():
        assert stat.S_IMODE(name.stat().st_mode) == 0o600, name
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "{}", '{"version": 1}', '{"version": 1, "uploads": 3}', "\xff"]
)
def test_a_damaged_file_is_moved_aside_and_told_about(path: Path, text: str) -> None:
    told: list[str] = []
    path.parent.mkdir()
    path.write_bytes(text.encode("latin-1"))
    store = FileStore(path, on_notice=told.append)
    assert store.find("a") is None
    store.keep("a", ENTRY)
    assert store.find("a") == ENTRY
    assert path.with_name("uploads.json.damaged").read_bytes() == text.encode("latin-1")
    assert len(told) == 1
    assert "moved to uploads.json.damaged" in told[0]


@pytest.mark.parametrize(
    "entry", [None, 3, [], {}, {"path": "/a"}, {"path": "/a", "parts": {"x": 1}, "final": None}]
)
def test_an_entry_that_nobody_understands_is_none(path: Path, entry: object) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps({"version": 1, "uploads": {"a": entry}}))
    store = FileStore(path)
    assert store.find("a") is None
    store.keep("b", ENTRY)
    store.forget("a")
    assert store.find("b") == ENTRY


def test_a_file_of_a_newer_version_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    text = '{"version": 2, "uploads": {}}'
    path.write_text(text)
    with pytest.raises(StoreFailed, match="version 2, wanted 1"):
        FileStore(path).keep("a", ENTRY)
    assert path.read_text() == text


def test_a_place_that_cannot_be_written_is_told_as_that(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = FileStore(tmp_path / "file" / "deep" / "uploads.json")
    wanted = r"cannot remember uploads in .*Not a directory"
    with pytest.raises(StoreFailed, match=wanted):
        store.find("a")
    with pytest.raises(StoreFailed, match=wanted):
        store.keep("a", ENTRY)
    with pytest.raises(StoreFailed, match=wanted):
        store.forget("a")
    with pytest.raises(StoreFailed, match=wanted), store.claimed("a"):
        pass


def test_old_entries_go_and_so_do_too_many(path: Path) -> None:
    now, day = 1000.0, 86400.0
    store = FileStore(path, longest=10 * day, most=3, clock=lambda: now)
    store.keep("old", ENTRY)
    for key in ("a", "b", "c", "d"):
        now += 4 * day
        store.keep(key, ENTRY)
    assert [key for key in ("old", "a", "b", "c", "d") if store.find(key)] == ["b", "c", "d"]
    now += 1
    for key in ("e", "f", "g"):
        store.keep(key, ENTRY)
    assert [key for key in ("b", "c", "d", "e", "f", "g") if store.find(key)] == ["d", "e", "f", "g"]


def test_what_was_kept_within_a_day_stays_however_much_it_is(path: Path) -> None:
    now = 1000.0
    store = FileStore(path, most=3, clock=lambda: now)
    for key in "abcdefg":
        now += 60
        store.keep(key, ENTRY)
    assert all(store.find(key) for key in "abcdefg")


def test_threads_do_not_lose_each_others_entries(path: Path) -> None:
    def keep(name: int) -> None:
        for number in range(20):
            FileStore(path).keep(f"{name}-{number}", ENTRY)

    threads = [threading.Thread(target=keep, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(FileStore(path).find(f"{name}-{number}") for name in range(4) for number in range(20))


def test_a_process_that_dies_while_it_writes_leaves_a_whole_file(path: Path) -> None:
    """kill -9 while entries are written as fast as they go."""
    script = f"""
from pathlib import Path
from tusd_py.client import FileStore, Remembered
store = FileStore(Path({str(path)!r}))
for number in range(100000):
    store.keep(str(number % 50), Remembered(path="/x" * 100))
    print(number, flush=True)
"""
    told: list[str] = []
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(60):
                process.stdout.readline()
            process.kill()
        FileStore(path, on_notice=told.append).keep("after", ENTRY)
        assert len(FileStore(path, on_notice=told.append)._read()) > 50
    assert told == []


def test_a_process_that_dies_lets_go_of_its_claim(path: Path) -> None:
    script = f"""
from pathlib import Path
from tusd_py.client import FileStore
with FileStore(Path({str(path)!r})).claimed("a"):
    print("claimed", flush=True)
    input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(UnderWay), FileStore(path).claimed("a"):
            pass
        process.kill()
    with FileStore(path).claimed("a"):
        pass


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        ("", "{home}/.local/state"),
        ("relative", "{home}/.local/state"),
        ("{home}/elsewhere", "{home}/elsewhere"),
    ],
)
def test_the_file_is_where_programs_keep_their_state(
    state: str, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", state.format(home=tmp_path))
    FileStore.of_user().keep("a", ENTRY)
    assert (Path(wanted.format(home=tmp_path)) / "tusd-py" / "uploads.json").is_file()


def test_a_user_without_a_home_has_no_such_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "~")  # as much of a home as that of a user whom /etc/passwd does not have
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    with pytest.raises(StoreFailed, match="neither HOME nor XDG_STATE_HOME is set"):
        FileStore.of_user()
