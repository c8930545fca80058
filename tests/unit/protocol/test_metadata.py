import unicodedata
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import InvalidMetadata, ProtocolError
from protocol.filenames import LONGEST, safe_filename
from protocol.media_types import essence_of
from protocol.metadata import parse_metadata

from .examples import explains

LIMIT = 4096

KEYS = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=","), min_size=1, max_size=64
)


def encoded(value: bytes) -> str:
    return b64encode(value).decode("ascii")


def named(text: str, key: str = "filename") -> str | None:
    return parse_metadata(f"{key} {encoded(text.encode())}", limit=LIMIT).filename


@pytest.mark.parametrize("raw", [None, "", " ", "\t "])
def test_an_empty_header_is_no_header(raw: str | None) -> None:
    # tuspy sends one with every upload that has no metadata.
    metadata = parse_metadata(raw, limit=LIMIT)
    assert (metadata.raw, dict(metadata.values), metadata.filename, metadata.filetype) == ("", {}, None, None)


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        ("filename d29ybGQ=,is_confidential", {"filename": b"world", "is_confidential": b""}),
        ("k", {"k": b""}),
        ("k ", {"k": b""}),
        ("a YQ==,k", {"a": b"a", "k": b""}),
        ("k ,a YQ==", {"k": b"", "a": b"a"}),
        ("a YQ==, b Yg==", {"a": b"a", "b": b"b"}),
        ("a YQ==\t,\tb Yg==", {"a": b"a", "b": b"b"}),
        ("a +/+/", {"a": b"\xfb\xff\xbf"}),
        ("a YQ==,A Yg==", {"a": b"a", "A": b"b"}),
        ('~!;="/ YQ==', {'~!;="/': b"a"}),
        ("nul AA0K", {"nul": b"\x00\r\n"}),
    ],
)
def test_metadata_is_read_and_kept_as_it_came(raw: str, values: dict[str, bytes]) -> None:
    metadata = parse_metadata(raw, limit=LIMIT)
    assert metadata.values == values
    assert metadata.raw == raw


@pytest.mark.parametrize(
    "raw",
    [
        *(
            "filename !!!",
            "k YQ",
            "k YQ=",
            "k YQ==x",
            "k Y Q==",
            "k -_-_",
            "k YR==",
            "k YWJ=",
            "k =",
            "k ====",
        ),
        *("k YQ==YQ==", "k Y\tQ==", "k YQ==\n", "k  YQ==", "k \u0659Q==", "k YQ\xff=", "k Y"),
        *("a YQ==,a Yg==", "a,a", "a YQ==,", ",a YQ==", "a YQ==,,b Yg==", ",", " , "),
        *("k\u00fcy YQ==", "k\udcfcy YQ==", "k\x00 YQ==", "k\x7f YQ==", "k\tYQ==", "x" * 65, "a\r\nb YQ=="),
    ],
)
def test_malformed_metadata_is_refused_by_name(raw: str) -> None:
    with pytest.raises(InvalidMetadata) as refusal:
        parse_metadata(raw, limit=LIMIT)
    assert explains(refusal.value, "Upload-Metadata", "wanted")


def test_the_limit_counts_the_whole_header() -> None:
    raw = f"k {encoded(b'x' * 30)}"
    assert parse_metadata(raw, limit=len(raw)).values == {"k": b"x" * 30}
    with pytest.raises(InvalidMetadata) as refusal:
        parse_metadata(raw, limit=len(raw) - 1)
    assert explains(refusal.value, str(len(raw)), str(len(raw) - 1))


@given(
    st.dictionaries(KEYS, st.binary(max_size=60), min_size=1, max_size=8),
    st.sampled_from([",", ", ", " ,\t"]),
)
def test_metadata_survives_a_round_trip(values: dict[str, bytes], comma: str) -> None:
    raw = comma.join(f"{key} {encoded(value)}" for key, value in values.items())
    metadata = parse_metadata(raw, limit=LIMIT)
    assert metadata.values == values
    assert metadata.raw == raw


@given(st.one_of(st.text(), st.text("ab ,=YQ\t+/-_\n", max_size=40)))
def test_any_text_is_metadata_or_a_protocol_error(text: str) -> None:
    try:
        metadata = parse_metadata(text, limit=LIMIT)
    except ProtocolError:
        return
    assert metadata.raw.isascii()
    assert len(metadata.raw) <= LIMIT


@given(st.binary(max_size=600))
def test_any_bytes_make_a_safe_name_and_type(value: bytes) -> None:
    raw = f"filename {encoded(value)},filetype {encoded(value)}"
    metadata = parse_metadata(raw, limit=LIMIT)
    assert metadata.filename is None or safe_filename(metadata.filename) == metadata.filename
    assert metadata.filetype is None or metadata.filetype.isascii()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\photo.jpg", "photo.jpg"),
        ("a/b\\c.txt", "c.txt"),
        ("evil\r\nSet-Cookie: a=b.txt", "evilSet-Cookie: a=b.txt"),
        ("nul\x00.txt", "nul.txt"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("\u2066a\u2069\u2028\u0085\x9b.txt", "a.txt"),
        ("  spaced  ", "spaced"),
        (".htaccess", ".htaccess"),
        (
            "r\u00e9sum\u00e9 \U0001f469\u200d\U0001f4bb.txt",
            "r\u00e9sum\u00e9 \U0001f469\u200d\U0001f4bb.txt",
        ),
        ("x" * 300, "x" * 255),
        *((nothing, None) for nothing in ("", ".", "..", "a/..", "dir/", "\x00\x01", " ", "/", "\u202e")),
    ],
)
def test_a_filename_is_only_ever_a_name(text: str, name: str | None) -> None:
    assert named(text) == name


def test_a_filename_that_is_not_utf_8_is_still_shown() -> None:
    latin = encoded(b"caf\xe9.txt")
    assert parse_metadata(f"filename {latin}", limit=LIMIT).filename == "caf\ufffd.txt"


def test_filename_goes_before_name_and_an_empty_one_does_not_count() -> None:
    assert named("a.txt", key="name") == "a.txt"
    assert parse_metadata("name YQ==,filename Yg==", limit=LIMIT).filename == "b"
    assert parse_metadata("name YQ==,filename", limit=LIMIT).filename == "a"


@given(st.text(st.characters()))
def test_a_safe_filename_stays_as_it_is_and_holds_nothing_dangerous(text: str) -> None:
    name = safe_filename(text)
    if name is None:
        return
    assert safe_filename(name) == name
    assert 0 < len(name) <= LONGEST
    assert not set(name) & set("/\\\u202e\u2066\u2028")
    assert not {unicodedata.category(character) for character in name} & {"Cc", "Cs"}


@pytest.mark.parametrize("key", ["filetype", "type", "mime_type"])
@pytest.mark.parametrize(
    "text", ["image/png", "text/plain;charset=UTF-8", 'a/b; x="y \\" z"; q=1', "Image/SVG+xml"]
)
def test_a_filetype_is_a_media_type(key: str, text: str) -> None:
    assert parse_metadata(f"{key} {encoded(text.encode())}", limit=LIMIT).filetype == text


@pytest.mark.parametrize(
    "text",
    [
        "png",
        "image/",
        "/png",
        "image/png\r\nX: y",
        "image /png",
        "a/b, c/d",
        "\u00fc/x",
        "a/b; x",
        "a/" + "b" * 600,
    ],
)
def test_a_filetype_that_is_no_media_type_is_ignored(text: str) -> None:
    assert parse_metadata(f"filetype {encoded(text.encode())}", limit=LIMIT).filetype is None


def test_a_filetype_has_a_longest_length() -> None:
    for length, kept in ((511, True), (512, False)):
        text = "a/" + "b" * (length - 2)
        filetype = parse_metadata(f"filetype {encoded(text.encode())}", limit=LIMIT).filetype
        assert filetype == (text if kept else None)


def test_a_hostile_media_type_costs_no_time() -> None:
    assert essence_of("a/b" + "; \t" * 5000 + "\x00") is None
    assert essence_of('a/b;x="' + "\\" * 16000) is None


@given(st.text())
def test_any_text_has_an_essence_or_none(text: str) -> None:
    essence = essence_of(text)
    assert essence is None or essence == essence.lower()
