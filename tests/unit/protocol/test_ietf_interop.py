"""Which requests speak the draft, and in which of its forms (RUFH-VER-1, RUFH-VER-2, section 8)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.headers import Headers
from protocol.ietf.interop import (
    MEDIA_TYPE,
    VERSION_FIELD,
    VERSIONS,
    Interop,
    interop_of,
    is_append,
    is_creation,
)

from .examples import headers


def versioned(*values: str, **named: str) -> Headers:
    return headers(*((VERSION_FIELD, value) for value in values), **named)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_form_that_is_spoken_is_named_by_its_number(version: int) -> None:
    assert interop_of(versioned(str(version))).version == version
    assert interop_of(versioned(f"{version};x")).version == version


@pytest.mark.parametrize("value", ["2", "10", "0", "-9", "9.0", '"9"', "?1", "nine", "", "9, 9", "9" * 16])
def test_another_version_is_no_error_and_none_at_all(value: str) -> None:
    assert interop_of(versioned(value)).version is None


def test_a_version_that_is_missing_or_doubled_is_none() -> None:
    assert interop_of(headers()).version is None
    assert interop_of(versioned("9", "9")).version is None


@pytest.mark.parametrize("version", [None, 4, 5, 6, 7, 8, 9])
def test_completeness_is_said_by_upload_complete(version: int | None) -> None:
    interop = Interop(version=version)
    assert interop.complete(headers(Upload_Complete="?1")) is True
    assert interop.complete(headers(Upload_Complete="?0")) is False
    assert interop.complete(headers(Upload_Incomplete="?0")) is None
    assert interop.completeness(complete=True) == {"Upload-Complete": "?1"}
    assert interop.completeness(complete=False) == {"Upload-Complete": "?0"}


def test_the_oldest_form_says_it_the_other_way_round() -> None:
    interop = Interop(version=3)
    assert interop.complete(headers(Upload_Incomplete="?0")) is True
    assert interop.complete(headers(Upload_Incomplete="?1")) is False
    assert interop.complete(headers(Upload_Complete="?1")) is None
    assert interop.completeness(complete=True) == {"Upload-Incomplete": "?0"}
    assert interop.completeness(complete=False) == {"Upload-Incomplete": "?1"}


@pytest.mark.parametrize("value", ["true", "1", "?2", "", "?1, ?1", "?T"])
def test_a_completeness_that_is_no_boolean_is_none(value: str) -> None:
    assert Interop(version=9).complete(headers(Upload_Complete=value)) is None
    assert Interop(version=3).complete(headers(Upload_Incomplete=value)) is None


@pytest.mark.parametrize(
    ("version", "typed"), [(None, True), (3, False), (4, False), (5, False), (6, True), (7, True), (9, True)]
)
def test_appends_have_a_media_type_since_the_sixth_form(version: int | None, typed: bool) -> None:
    assert Interop(version=version).has_media_type is typed


def test_a_creation_is_told_by_what_it_says_of_its_end() -> None:
    assert is_creation(headers(Upload_Complete="?0"))
    assert is_creation(headers(Upload_Complete="?1;x=1"))
    assert is_creation(versioned("3", Upload_Incomplete="?1"))
    assert not is_creation(headers(Upload_Incomplete="?1"))
    assert not is_creation(headers(Upload_Length="5"))


@pytest.mark.parametrize("version", ["9", "3", "none of ours"])
def test_whoever_names_a_version_means_the_draft_be_it_ever_so_wrong_otherwise(version: str) -> None:
    assert is_creation(versioned(version))
    assert is_creation(versioned(version, Upload_Complete="nonsense"))


@pytest.mark.parametrize("value", ["true", "1", "?2", ""])
def test_a_post_whose_field_is_ignored_is_an_ordinary_post(value: str) -> None:
    assert not is_creation(headers(Upload_Complete=value))


@pytest.mark.parametrize(
    "sent",
    [
        versioned("9"),
        versioned("none of ours"),
        headers(Upload_Complete="nonsense"),
        headers(Upload_Incomplete="?1"),
        headers(Content_Type=MEDIA_TYPE),
        headers(Content_Type="Application/Partial-Upload; x=1"),
    ],
)
def test_an_append_is_told_by_anything_that_only_the_draft_has(sent: Headers) -> None:
    assert is_append(sent)


@pytest.mark.parametrize(
    "sent",
    [
        headers(),
        headers(Upload_Offset="0", Upload_Length="5"),
        headers(Content_Type="application/offset+octet-stream"),
        headers(("Content-Type", MEDIA_TYPE), ("Content-Type", MEDIA_TYPE)),
    ],
)
def test_what_tus_has_too_does_not_tell_an_append(sent: Headers) -> None:
    assert not is_append(sent)


NAMES = [VERSION_FIELD, "Upload-Complete", "Upload-Incomplete", "Content-Type"]
VALUES = st.text() | st.sampled_from(["3", "9", "?0", "?1", MEDIA_TYPE])


@pytest.mark.parametrize("version", [None, *VERSIONS])
def test_two_forms_may_be_those_of_tus_js_client(version: int | None) -> None:
    assert Interop(version=version).is_of_tus_js_client is (version in (5, 6))


@given(st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=5))
def test_any_headers_speak_one_form_or_none(pairs: list[tuple[str, str]]) -> None:
    sent = Headers(pairs)
    interop = interop_of(sent)
    assert interop.version is None or interop.version in VERSIONS
    assert is_creation(sent) is (sent.has(VERSION_FIELD) or interop.complete(sent) is not None)
    assert is_append(sent) or not is_creation(sent)
