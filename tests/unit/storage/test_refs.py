"""Names: what we make can be taken apart again, and nothing else gets to the disk."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage_backends.base import BadRef
from storage_backends.refs import RefName, attempt_ref, components, parse_ref, segment_ref

folders = st.text(st.characters(exclude_characters="~\0", codec="utf-8"), min_size=1)
ids = st.from_regex(r"[0-9a-f]{32}", fullmatch=True)
keys = st.one_of(
    ids,
    st.builds("{}/{}".format, folders, ids),
    st.builds("{}/{}.{}".format, folders, ids, ids),
)


@given(keys, st.integers(min_value=0))
def test_a_segment_name_can_be_taken_apart(key: str, epoch: int) -> None:
    assert parse_ref(segment_ref(key, epoch)) == RefName(key=key, epoch=epoch, worker=None)


@given(keys, st.from_regex(r"[0-9a-f]+", fullmatch=True), st.integers(min_value=0))
def test_an_attempt_name_can_be_taken_apart(key: str, worker: str, attempt: int) -> None:
    assert parse_ref(attempt_ref(key, worker, attempt)) == RefName(key=key, epoch=None, worker=worker)


ID = "0123456789abcdef" * 2
SOMEBODY_ELSES = ("", "a", "notes.txt", f"{ID}.txt", f"x{ID}", f"{ID}/", "~e1", "~probe.1")
HALF_OURS = ("~", "~e", "~ex", "~w1", "~w1.", "~wG.1", "~e1~e2", "~e\u0661")


@pytest.mark.parametrize("name", [*SOMEBODY_ELSES, *(ID + suffix for suffix in HALF_OURS)])
def test_a_name_that_we_cannot_have_made_is_none_of_ours(name: str) -> None:
    assert parse_ref(name) is None


@given(st.text())
def test_what_passes_stays_below_the_root(ref: str) -> None:
    try:
        parts = components(ref)
    except BadRef:
        return
    assert "/".join(parts) == ref
    assert not {"", ".", ".."} & set(parts)
    assert parts[0] != ".tusd"
    assert b"\0" not in ref.encode()
