import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import UploadNotFound
from protocol.states import errors_page, states_page
from protocol.upload import (
    ALL_BYTES_DURABLE,
    GONE,
    OPEN,
    TRANSFERS,
    UNFINISHED,
    VERDICTS,
    IllegalStep,
    ScanJob,
    Status,
    Step,
    Transfer,
    Verdict,
    after,
    parse_upload_id,
    status_of,
    visible,
)

from .examples import an_upload

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("state", "step"), list(product(Transfer, Step)))
def test_every_step_is_in_the_table_or_illegal(state: Transfer, step: Step) -> None:
    if (state, step) in TRANSFERS:
        assert after(state, step) is TRANSFERS[state, step]
        return
    with pytest.raises(IllegalStep) as refusal:
        after(state, step)
    assert str(refusal.value) == f"no step '{step.value}' from state '{state.value}'"


@pytest.mark.parametrize("state", sorted(GONE))
def test_ends_are_ends(state: Transfer) -> None:
    assert not [step for known, step in TRANSFERS if known is state]


def test_every_state_is_of_exactly_one_sort() -> None:
    assert OPEN < UNFINISHED
    assert sorted([*UNFINISHED, *ALL_BYTES_DURABLE, *GONE]) == sorted(Transfer)


def test_every_step_is_taken_somewhere_and_every_state_is_reached() -> None:
    assert {step for _, step in TRANSFERS} == set(Step)
    assert set(TRANSFERS.values()) | {Transfer.CREATED, Transfer.WAITING} == set(Transfer)


@given(st.lists(st.sampled_from(Step), max_size=30), st.sampled_from([Transfer.CREATED, Transfer.WAITING]))
def test_no_history_leaves_an_end_or_takes_durable_bytes_back(steps: list[Step], start: Transfer) -> None:
    state = start
    for step in steps:
        try:
            following = after(state, step)
        except IllegalStep:
            continue
        assert state not in GONE
        if state in ALL_BYTES_DURABLE:
            assert following in ALL_BYTES_DURABLE | GONE
        state = following


def test_an_upload_can_always_be_terminated_until_it_is_gone() -> None:
    assert {state for state, step in TRANSFERS if step is Step.TERMINATE} == set(Transfer) - GONE


def test_a_verdict_never_becomes_unknown_again() -> None:
    assert set(VERDICTS) == set(Verdict)
    assert not [before for before, possible in VERDICTS.items() if Verdict.UNKNOWN in possible]


@pytest.mark.parametrize("transfer", list(Transfer))
def test_every_combination_has_one_status(transfer: Transfer) -> None:
    for verdict, scan, served, released in product(Verdict, ScanJob, (True, False), (True, False)):
        status = status_of(transfer, verdict, scan, served=served, released=released)
        assert isinstance(status, Status)
        # Readers are let in by `ready`, so nothing may be ready that is not stored and allowed.
        assert (status is Status.READY) == (transfer is Transfer.STORED and (served or released))


def test_what_is_infected_is_quarantined_whatever_the_scan_job_does() -> None:
    for scan in ScanJob:
        found = status_of(Transfer.STORED, Verdict.INFECTED, scan, served=False, released=False)
        assert found is Status.QUARANTINED


def test_an_unfinished_upload_is_invisible_from_its_date_on() -> None:
    upload = an_upload(expires_at=50)
    assert visible(upload, 49)
    assert not visible(upload, 50)
    assert visible(an_upload(expires_at=50, state=Transfer.STORED), 50)
    assert visible(an_upload(expires_at=None), 10**18)


@pytest.mark.parametrize("state", sorted(GONE))
def test_an_upload_that_ended_is_invisible(state: Transfer) -> None:
    assert not visible(an_upload(state=state), 0)


def test_an_upload_has_all_bytes_when_its_offset_is_its_length() -> None:
    assert an_upload(offset=100).has_all_bytes
    assert an_upload(length=0).has_all_bytes
    assert not an_upload(offset=99).has_all_bytes
    assert not an_upload(length=None).has_all_bytes


def test_only_an_unknown_length_is_deferred() -> None:
    assert an_upload(length=None).is_deferred
    assert not an_upload(length=0).is_deferred


def test_an_upload_id_is_32_lower_case_hex_digits() -> None:
    assert parse_upload_id("0123456789abcdef" * 2) == "0123456789abcdef" * 2


@pytest.mark.parametrize(
    "text",
    [
        *("", "0" * 31, "0" * 33, "A" * 32, "g" * 32, "0" * 32 + "\n", "../" + "0" * 29, "\u0660" * 32),
        *("%30" + "0" * 29, "0" * 31 + "/", "0" * 31 + "\x00", "non-existent-id"),
    ],
)
def test_anything_else_is_not_found(text: str) -> None:
    with pytest.raises(UploadNotFound):
        parse_upload_id(text)


@pytest.mark.parametrize(("arguments", "page"), [([], "states.md"), (["--errors"], "errors.md")])
def test_the_documentation_is_printed_from_the_tables(arguments: list[str], page: str) -> None:
    command = [sys.executable, "-m", "protocol.states", *arguments]
    printed = subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True, encoding="utf-8"
    ).stdout
    assert printed == (ROOT / "docs" / page).read_text("utf-8"), (
        f"print docs/{page} again: see protocol/states.py"
    )


def test_the_pages_name_every_state_and_every_status() -> None:
    assert all(
        f" {word} " in states_page().replace(":", " ").replace("\n", " ") for word in [*Transfer, *Status]
    )
    assert "ERR_MISMATCHED_OFFSET" in errors_page()
