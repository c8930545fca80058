"""What may be uploaded, by what it is said to be and by what it looks like."""

import re

import pytest

from protocol.errors import FilenameRefused, MaxSizeExceeded, TypeRefused
from tusd_py.access.admission import Admission
from tusd_py.access.quotas import Quotas
from tusd_py.config.overrides import parse_override
from tusd_py.metadata.usage import Quota

IMAGES = Admission(types_allowed=("image/*", "application/pdf"), types_denied=("image/svg+xml",))


@pytest.mark.parametrize("filetype", ["image/png", "IMAGE/PNG; a=b", "application/pdf"])
def test_an_allowed_type_is_let_in(filetype: str) -> None:
    IMAGES.check(filename=None, filetype=filetype)


@pytest.mark.parametrize(
    "filetype", [None, "", "text/html", "image/svg+xml", "Image/SVG+XML ;x", "application/pdfx", "image"]
)
def test_other_types_are_not(filetype: str | None) -> None:
    with pytest.raises(TypeRefused):
        IMAGES.check(filename=None, filetype=filetype)


def test_without_a_list_only_what_is_denied_is_refused() -> None:
    denying = Admission(types_denied=("text/*",))
    denying.check(filename=None, filetype=None)
    denying.check(filename=None, filetype="image/png")
    with pytest.raises(TypeRefused, match="filetype is text/html, which is not allowed here"):
        denying.check(filename=None, filetype="text/html")


def test_content_is_held_to_the_same_types() -> None:
    IMAGES.check_content("image/png")
    IMAGES.check_content(None)  # an empty file
    with pytest.raises(TypeRefused, match=r"the content is text/html, wanted one of image/\*"):
        IMAGES.check_content("text/html")


@pytest.mark.parametrize("name", ["a.pdf", "a.b.PDF", "ä.Txt"])
def test_allowed_extensions(name: str) -> None:
    Admission(extensions_allowed=frozenset({"pdf", "txt"})).check(filename=name, filetype=None)


@pytest.mark.parametrize("name", [None, "", "pdf", "a.pdf.exe", "a.", "a"])
def test_other_extensions(name: str | None) -> None:
    with pytest.raises(FilenameRefused):
        Admission(extensions_allowed=frozenset({"pdf", "txt"})).check(filename=name, filetype=None)


@pytest.mark.parametrize("name", ["a.php", "a.PHP", "a.php.jpg", ".php"])
def test_a_denied_extension_is_refused_wherever_it_stands(name: str) -> None:
    rules = Admission(extensions_denied=frozenset({"php"}))
    rules.check(filename="php.jpg", filetype=None)
    with pytest.raises(FilenameRefused):
        rules.check(filename=name, filetype=None)


def test_length_and_characters_of_names() -> None:
    rules = Admission(filename_length=5, filename_pattern=re.compile("[a-z.]+"))
    rules.check(filename="a.txt", filetype=None)
    for name in ("ab.txt", "A.txt", "", None):
        with pytest.raises(FilenameRefused):
            rules.check(filename=name, filetype=None)


def test_the_strictest_size_counts_and_the_most_exact_type() -> None:
    users = Quotas(Quota(), [parse_override("acme/* max_size=50"), parse_override("acme/bob max_size=0")])
    rules = Admission(type_sizes={"video/*": 100, "video/webm": 10, "*/*": 200}, max_size_of=users.max_size)
    assert rules.most("", "ann", "video/mp4") == 100
    assert rules.most("", "ann", "video/webm") == 10
    assert rules.most("", "ann", None) == 200
    assert rules.most("acme", "ann", "video/mp4") == 50
    assert rules.most("acme", "bob", "video/mp4") == 100
    assert Admission().most("", "ann", None) is None
    rules.check_length(100, tenant="", owner="ann", filetype="video/mp4")
    with pytest.raises(MaxSizeExceeded, match="101 bytes, wanted at most 100"):
        rules.check_length(101, tenant="", owner="ann", filetype="video/mp4")


def test_the_most_exact_quota_counts() -> None:
    quotas = Quotas(
        Quota(bytes=10, files=2),
        [parse_override("acme/bob bytes=0"), parse_override("acme/* files=7"), parse_override("ann files=3")],
    )
    assert quotas("", "eve") == Quota(bytes=10, files=2)
    assert quotas("", "ann") == Quota(bytes=10, files=3)
    assert quotas("acme", "ann") == Quota(bytes=10, files=7)
    assert quotas("acme", "bob") == Quota(bytes=0, files=7)
