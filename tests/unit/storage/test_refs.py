"""Names: what we make can be taken apart again, and nothing else gets to the disk."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage_backends.base import BadRef
from storage_backends.refs import RefName, attempt_ref, components, parse_ref, segment_ref

keys = st.text(st.characters(exclude_characters="~\0", exclude_categories=("Cs",)), min_size=1)


@given(keys, st.integers(min_value=0))
def test_a_segment_name_can_be_taken_apart(key, epoch):
    assert parse_ref(segment_ref(key, epoch)) == RefName(key=key, epoch=epoch, worker=None)


@given(keys, st.from_regex(r"[0-9a-f]+", fullmatch=True), st.integers(min_value=0))
def test_an_attempt_name_can_be_taken_apart(key, worker, attempt):
    assert parse_ref(attempt_ref(key, worker, attempt)) == RefName(key=key, epoch=None, worker=worker)


@pytest.mark.parametrize(
    "name", ["", "~e1", "a~", "a~e", "a~ex", "a~w1", "a~w1.", "a~wG.1", "a~e1~e2", "~probe.1"]
)
def test_a_name_that_we_cannot_have_made_is_none_of_ours(name):
    assert parse_ref(name) is None


@given(st.text())
def test_what_passes_stays_below_the_root(ref):
    try:
        parts = components(ref)
    except BadRef:
        return
    assert "/".join(parts) == ref
    assert not {"", ".", ".."} & set(parts)
    assert parts[0] != ".tusd"
    assert b"\0" not in ref.encode()
