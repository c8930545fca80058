"""The scanner finds in valid TOML what tomllib found."""

import tomllib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tusd_py.config.locate import locate

DOCUMENTS = {
    "sections": '[server]\nport = 1\nhost="a" # [not.a.section] x = 1\n\n[ log ]\nlevel\t=\t"b"\n',
    "dotted": 'server.port = 1\nserver . host = "x"\n"server".unix_sock = \'y\'\n',
    "quoted keys": '["ser\\u0076er"]\n"po rt" = 1\n\'#x\' = 2\n"" = 3\n',
    "inline": 'server = { port = 1, "host" = "a=b, c}", deep = { a.b = [1, { c = 2 }] } }\n',
    "multi-line": 'a = """\n[server]\nport = 1\n\\""" still """"\nb = \'\'\'x\n[y]\n\'\'\'\'\nc = 1\n',
    "arrays": 'a = [ # one ]\n  "x]", # two\n  [1, 2,],\n  { b = "}" },\n]\nc = 2\n',
    "arrays of tables": "[[a]]\nb = 1\n[[a]]\nb = 2\n[a.c]\nd = 3\n[[a.e]]\nf = 4\n[[a.e]]\nf = 5\n",
    "scalars": "a = 07:32:00\nb = 1979-05-27 07:32:00 # c\nd = +1_000.5e-3\ne = 0o750\nf = -inf\n",
    "escapes": 'a = "\\"\\\\"\nb = "x"\nc = \'\\\'\nd = ""\ne = """"""\nf = 7\n',
    "windows": 'a = 1\r\n[b]\r\nc = """\r\nx"""\r\nd = 2\r\n',
    "no newline at the end": "[a]\nb = 1",
    "empty": "",
    "only a comment": "# x = 1",
}


def check(document: str) -> None:
    """Every place that the scanner names holds, as text, what tomllib says is there; and none is missing."""
    found = locate(document)
    parsed = dict(leaves(tomllib.loads(document)))
    assert {path for path in found if path in parsed} == set(parsed)
    for path, value in parsed.items():
        place = found[path]
        assert tomllib.loads(f"x = {document[place.value.start : place.value.end]}")["x"] == value
        if isinstance(path[-1], str):
            written = document[place.key.start : place.key.end]
            assert next(reversed(chain(tomllib.loads(f"{written} = 0")))) == path[-1]


def leaves(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Values that are written somewhere as a whole, with their paths; tables may be spread over the file."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from leaves(inner, (*path, place))
    else:
        yield path, value


def chain(nested: object) -> list[str]:
    """The names of `a.b.c = 0`."""
    names = []
    while isinstance(nested, dict):
        ((name, nested),) = nested.items()
        names.append(name)
    return names


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_keys_and_values_are_found_where_they_stand(document: str) -> None:
    check(document)


names = st.sampled_from(["a", "b-1", "_c", '"q u"', "'#'", '"="', '"\\"]"', "1"])
scalars = st.sampled_from(
    [
        "1",
        "-2.5",
        "true",
        "0o17",
        "1979-05-27",
        '"x"',
        '"#=[{"',
        "'\\'",
        '"""m\n[l]\n"""',
        "'''\n'''",
        '"\\\\"',
        '""',
    ]
)
blanks = st.sampled_from(["", " ", "\t", "  "])
in_arrays = st.sampled_from(["", " ", "\n", " # ] no\n", "\n\t"])


@st.composite
def arrays(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    items = draw(st.lists(values, max_size=3))
    parts = [draw(in_arrays) + item + draw(in_arrays) for item in items]
    return "[" + ",".join(parts) + (draw(in_arrays) if not parts else "") + "]"


@st.composite
def inline_tables(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    pairs = draw(
        st.lists(
            st.tuples(names, values),
            max_size=3,
            unique_by=lambda pair: tomllib.loads(pair[0] + "=0").popitem(),
        )
    )
    parts = [
        f"{draw(blanks)}{name}{draw(blanks)}={draw(blanks)}{value}{draw(blanks)}" for name, value in pairs
    ]
    return "{" + ",".join(parts) + "}"


values = st.recursive(scalars, lambda inner: arrays(inner) | inline_tables(inner), max_leaves=6)


@st.composite
def documents(draw: st.DrawFn) -> str:
    def pairs(most: int) -> str:
        found = draw(st.dictionaries(names, values, max_size=most))
        comment = st.sampled_from(["", " # x = 1", "#"])
        return "".join(
            f"{draw(blanks)}{name}{draw(blanks)}={draw(blanks)}{value}{draw(comment)}\n"
            for name, value in found.items()
        )

    sections = draw(st.lists(st.sampled_from(["s", "t.u", ' v . "w x" ', "s.y"]), unique=True, max_size=4))
    return pairs(2) + "".join(f"[{section}]\n{pairs(3)}" for section in sections)


@settings(max_examples=300, deadline=None)
@given(documents())
def test_any_valid_document_is_scanned_right(document: str) -> None:
    try:
        tomllib.loads(document)
    except tomllib.TOMLDecodeError:
        return  # `a` and `"a"` are one key
    check(document)
