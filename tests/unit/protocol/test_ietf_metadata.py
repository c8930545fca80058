"""Content-Type and Content-Disposition of a creation (RUFH-CRE-10)."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import InvalidMetadata, RepeatedHeader
from protocol.headers import Headers
from protocol.ietf.metadata import parse_described
from protocol.metadata import Metadata, parse_metadata

LIMIT = 4096


def described(disposition: str) -> Metadata:
    return parse_described(Headers([("Content-Disposition", disposition)]), limit=LIMIT)


def test_without_either_field_nothing_is_known() -> None:
    metadata = parse_described(Headers([]), limit=LIMIT)
    assert (metadata.raw, metadata.filename, metadata.filetype) == ("", None, None)


def test_the_example_of_the_draft_is_read() -> None:
    metadata = described("inline; filename=\"file name.jpg\"; filename*=UTF-8''file%20name.jpg")
    assert metadata.filename == "file name.jpg"


def test_what_is_said_is_kept_as_tus_clients_say_it() -> None:
    fields = Headers([("Content-Disposition", 'inline; filename="a.txt"'), ("Content-Type", "text/plain")])
    metadata = parse_described(fields, limit=LIMIT)
    assert metadata.raw == "filename YS50eHQ=,filetype dGV4dC9wbGFpbg=="
    assert metadata == parse_metadata(metadata.raw, limit=LIMIT)
    assert (metadata.filename, metadata.filetype) == ("a.txt", "text/plain")


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        ("inline; filename=a.txt", "a.txt"),
        ("attachment;filename=a.txt", "a.txt"),
        ("INLINE; FILENAME=a.txt", "a.txt"),
        ('inline; filename="a b.txt"', "a b.txt"),
        ("inline; filename = a.txt ; x=y", "a.txt"),
        ('inline; filename="a; filename=b.txt"', "a; filename=b.txt"),
        ('inline; x="; filename=b.txt"; filename=a.txt', "a.txt"),
        ('inline; filename="a \\"b\\".txt"', 'a "b".txt'),
        ('inline; filename="f\u00fc.txt"', "f\u00fc.txt"),
        ("inline; filename=; x=y", None),
        ('inline; filename=""', None),
        ("inline", None),
        ("", None),
        ("inline; name=a.txt", None),
        ("inline; filename", None),
    ],
)
def test_a_plain_filename_is_read_the_way_clients_send_it(disposition: str, filename: str | None) -> None:
    assert described(disposition).filename == filename


@pytest.mark.parametrize(
    ("extended", "filename"),
    [
        ("UTF-8''%e2%82%ac.txt", "\u20ac.txt"),
        ("utf-8'en'%E2%82%AC%20rates.txt", "\u20ac rates.txt"),
        ("UTF-8''it's.txt", "it's.txt"),
    ],
)
def test_an_extended_filename_is_read_and_goes_before_a_plain_one(extended: str, filename: str) -> None:
    """ "recipients SHOULD pick "filename*" and ignore "filename" " (RFC 6266, 4.3)."""
    assert described(f"inline; filename*={extended}").filename == filename
    assert described(f"inline; filename=plain.txt; filename*={extended}").filename == filename
    assert described(f"inline; filename*={extended}; filename=plain.txt").filename == filename


@pytest.mark.parametrize(
    "extended",
    [
        "",
        "plain.txt",
        "UTF-8'plain.txt",
        "undefined''x",
        "idna''%ff",
        "unicode_escape''%5Cx",
        "rot13''x",
        "utf-16''%d8%00",
        "''x",
        "UTF-8\x00''x",
        "iso-8859-1''%A3.txt",
        "UTF-8''%ff.txt",
        "UTF-8''\udcff.txt",
        "UTF-8''",
        "utf-8'en'",
    ],
)
def test_a_broken_extended_filename_leaves_the_plain_one(extended: str) -> None:
    assert described(f"inline; filename*={extended}").filename is None
    assert described(f"inline; filename*={extended}; filename=plain.txt").filename == "plain.txt"


@pytest.mark.parametrize(
    "disposition",
    [
        "inline; filename*=a; filename*0=b",
        "inline; filename*0*=UTF-8''a; filename*x=b",
        f"inline; filename*{'9' * 4000}=b",
        "inline; =a; ;; ; =",
        'inline; "',
        'inline; "\\',
        'inline; filename="open; x=y',
        ";" * 4000,
    ],
    ids=lambda text: text[:30],
)
def test_what_cannot_be_understood_names_nothing(disposition: str) -> None:
    assert described(disposition).filename is None


def test_bytes_that_are_no_utf_8_are_no_reason_to_refuse() -> None:
    # aiohttp hands them over as surrogates.
    assert described("inline; filename=\udcffx.txt").filename == "?x.txt"
    assert described('inline; filename="\udcff\udc80"').filename == "??"
    typed = parse_described(Headers([("Content-Type", "text/\udcff")]), limit=LIMIT)
    assert typed.filetype is None


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "C:\\temp\\passwd", "/passwd", "UTF-8''..%2f..%2fpasswd"]
)
def test_a_path_is_cut_down_to_a_name(name: str) -> None:
    parameter = "filename*" if name.startswith("UTF-8") else "filename"
    assert described(f"inline; {parameter}={name}").filename == "passwd"


@pytest.mark.parametrize("control", ["%0d%0aX-Evil: 1", "%00", "%1b[31m"])
def test_control_characters_are_taken_out(control: str) -> None:
    filename = described(f"inline; filename*=UTF-8''a{control}.txt").filename
    assert filename is not None
    assert filename.isprintable()


@pytest.mark.parametrize("content_type", ["text", "text/plain; x", "a/b/c", "text/" + "x" * 600])
def test_a_type_that_is_none_is_kept_and_not_believed(content_type: str) -> None:
    metadata = parse_described(Headers([("Content-Type", content_type)]), limit=LIMIT)
    assert metadata.values["filetype"] == content_type.encode()
    assert metadata.filetype is None


def test_a_type_may_have_parameters() -> None:
    metadata = parse_described(Headers([("Content-Type", " text/plain; charset=utf-8 ")]), limit=LIMIT)
    assert metadata.filetype == "text/plain; charset=utf-8"


@pytest.mark.parametrize("content_type", ["application/partial-upload", "Application/Partial-Upload; x=1"])
def test_the_type_of_an_append_is_no_type_of_a_file(content_type: str) -> None:
    # tus-js-client 4.3.1 sends it on a POST with a body, too.
    assert parse_described(Headers([("Content-Type", content_type)]), limit=LIMIT).raw == ""


def test_metadata_of_tus_go_before_what_http_says() -> None:
    both = [("Upload-Metadata", "filename Yg=="), ("Content-Disposition", "inline; filename=a.txt")]
    metadata = parse_described(Headers([*both, ("Content-Type", "text/plain")]), limit=LIMIT)
    assert (metadata.filename, metadata.filetype) == ("b", None)


def test_kilobytes_of_it_are_refused_and_what_fits_is_cut_to_a_name() -> None:
    assert described("inline; filename=" + "a" * 3000).filename == "a" * 255
    with pytest.raises(InvalidMetadata) as refusal:
        described("inline; filename=" + "a" * 8000)
    assert (refusal.value.status, "4096" in str(refusal.value)) == (400, True)


@pytest.mark.parametrize("name", ["Content-Type", "Content-Disposition"])
def test_either_field_twice_is_refused(name: str) -> None:
    with pytest.raises(RepeatedHeader):
        parse_described(Headers([(name, "a/b"), (name, "a/b")]), limit=LIMIT)


@pytest.mark.parametrize(
    "hostile", ['"' + ";" * 8000, ";" * 8000, '"\\' * 4000, '";' * 4000, " " * 8000, "=" * 8000]
)
def test_hostile_fields_cost_no_time(hostile: str) -> None:
    began = time.process_time()
    fields = Headers([("Content-Disposition", f"inline; {hostile}")])
    for _ in range(5):
        parse_described(fields, limit=10_000)
    assert time.process_time() - began < 0.25


PIECES = [
    "inline",
    ";",
    " ",
    "filename",
    "*",
    "=",
    "UTF-8",
    "'",
    "%ff",
    '"',
    "\\",
    "0",
    "a.txt",
    "\udcff",
    "\u20ac",
]


@given(st.text(max_size=200) | st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_any_text_makes_metadata(text: str) -> None:
    fields = Headers([("Content-Disposition", text), ("Content-Type", text)])
    metadata = parse_described(fields, limit=LIMIT)
    assert metadata.raw.isascii()
    assert metadata == parse_metadata(metadata.raw, limit=LIMIT)


@given(st.text(alphabet=st.characters(exclude_categories=["C", "Z"], exclude_characters="/\\"), max_size=60))
def test_a_name_that_is_written_as_extended_is_read_again(name: str) -> None:
    encoded = "".join(f"%{byte:02x}" for byte in name.encode())
    wanted = None if name in {"", ".", ".."} else name
    assert described(f"inline; filename=other; filename*=UTF-8''{encoded}").filename in (wanted, "other")
    assert described(f"inline; filename*=UTF-8''{encoded}").filename == wanted
