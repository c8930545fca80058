"""One text in two dialects."""

import sqlite3
from contextlib import closing

import pytest

from tusd_py.metadata.statements import NOW, for_postgres, for_sqlite, split_postgres, split_sqlite


def test_a_parameter_gets_a_place_in_sqlite_and_one_number_on_postgres() -> None:
    sql = "SELECT :a, :b, :a"
    assert for_sqlite(sql).text == "SELECT ?, ?, ?"
    assert for_sqlite(sql).names == ("a", "b")
    assert for_postgres(sql, clock_is_given=False).text == "SELECT $1, $2, $1"
    assert for_postgres(sql, clock_is_given=False).names == ("a", "b")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT ':a', 'it''s :a {now}', '{}'",
        'SELECT ":a", "a"":b"',
        "SELECT 1 -- :a {now}\n",
        "SELECT 1 /* :a\n{now} */",
        "SELECT '1'::text, x::bigint",
        "SELECT x[1:2]",
        "SELECT $$:a {now}$$, $tag$ ; :a $$ $tag$",
    ],
)
def test_what_only_looks_like_a_parameter_is_left_alone(sql: str) -> None:
    for statement in (for_sqlite(sql), for_postgres(sql, clock_is_given=True)):
        assert statement.text == sql
        assert statement.names == ()


def test_a_cast_after_a_parameter_is_not_taken_for_its_name() -> None:
    assert for_postgres("SELECT :a::text", clock_is_given=False).text == "SELECT $1::text"


def test_the_clock_is_a_parameter_where_the_driver_gives_it() -> None:
    assert for_sqlite("SELECT {now}, {now}").text == "SELECT ?, ?"
    assert for_sqlite("SELECT {now}").names == ()
    given = for_postgres("SELECT :a, {now}, {now}", clock_is_given=True)
    assert given.text == "SELECT $1, CAST($2 AS BIGINT), CAST($2 AS BIGINT)"
    assert given.names == ("a", NOW)
    assert "clock_timestamp()" in for_postgres("SELECT {now}", clock_is_given=False).text


@pytest.mark.parametrize(
    ("sql", "row"),
    [
        ("SELECT 1", (1,)),
        ("SELECT {now}", (7,)),
        ("SELECT :a", ("a",)),
        ("SELECT :a, {now}, :a", ("a", 7, "a")),
        ("SELECT :b, :a || ':b', :b", ("b", "a:b", "b")),
        ("SELECT :b, :a, {now}, :b", ("b", "a", 7, "b")),
    ],
)
def test_sqlite_gets_as_many_values_as_it_counts(sql: str, row: tuple[object, ...]) -> None:
    statement = for_sqlite(sql)
    values = statement.values({"a": "a", "b": "b", "c": "what it does not ask for"}, 7)
    with closing(sqlite3.connect(":memory:")) as connection:
        assert connection.execute(statement.text, values).fetchone() == row


@pytest.mark.parametrize("sql", ["SELECT :a", "SELECT :a, :b", "SELECT {now}, :a"])
def test_a_parameter_that_is_missing_is_named(sql: str) -> None:
    with pytest.raises(KeyError, match="a"):
        for_sqlite(sql).values({"b": 1}, 7)


@pytest.mark.parametrize(
    ("word", "postgres"),
    [("for_update", "FOR UPDATE"), ("for_share", "FOR SHARE"), ("skip_locked", "FOR UPDATE SKIP LOCKED")],
)
def test_locks_are_words_of_postgres_only(word: str, postgres: str) -> None:
    assert for_sqlite(f"SELECT 1 {{{word}}}").text == "SELECT 1 "
    assert for_postgres(f"SELECT 1 {{{word}}}", clock_is_given=False).text == f"SELECT 1 {postgres}"


def test_the_time_of_a_change_comes_from_postgres_or_from_the_driver() -> None:
    sql = "UPDATE facts SET updated_at = {now} {returning_at}"
    in_sqlite = for_sqlite(sql)
    assert (in_sqlite.text, in_sqlite.tells_at) == ("UPDATE facts SET updated_at = ? ", True)
    assert for_postgres(sql, clock_is_given=True).text.endswith("RETURNING updated_at AS at")
    assert not for_sqlite("SELECT {now}").tells_at


def test_an_unknown_word_is_named() -> None:
    for translate in (for_sqlite, lambda sql: for_postgres(sql, clock_is_given=False)):
        with pytest.raises(ValueError, match="later"):
            translate("SELECT {later}")


def test_a_script_is_cut_at_its_semicolons_only() -> None:
    script = """
        -- first; not yet
        CREATE TABLE a (x TEXT DEFAULT ';');
        INSERT INTO a VALUES ('it''s; /* */');
        /* ; */ SELECT 1; -- done;
    """
    for split in (split_sqlite, split_postgres):
        pieces = list(split(script))
        assert len(pieces) == 3
        assert all(piece.endswith(";") for piece in pieces)
        assert pieces[0].startswith("-- first; not yet")


def test_a_statement_without_its_semicolon_is_not_dropped_silently() -> None:
    for split in (split_sqlite, split_postgres):
        with pytest.raises(ValueError, match="SELECT 2"):
            list(split("SELECT 1; SELECT 2 -- the end"))


def test_a_trigger_of_sqlite_stays_whole() -> None:
    trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; DELETE FROM c; END;"
    pieces = list(split_sqlite(f"SELECT 1; {trigger} SELECT 2;"))
    assert pieces == ["SELECT 1;", trigger, "SELECT 2;"]


def test_a_function_of_postgres_stays_whole() -> None:
    function = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN x; END; $$;"
    assert list(split_postgres(f"SELECT 1; {function}")) == ["SELECT 1;", function]


@pytest.mark.parametrize(
    ("sql", "is_blind"),
    [
        ("\n    INSERT INTO a VALUES (:x)\n", True),
        ("UPDATE a SET b = (SELECT 1)", True),
        ("  delete from a", True),
        ("\n    INSERT INTO a VALUES (:x)\n    RETURNING x", False),
        ("\n    SELECT 1", False),
        ("WITH b AS (SELECT 1) UPDATE a SET c = 1", False),
        ("UPDATE a SET b = 1 {returning_at}", True),
    ],
)
def test_what_gives_no_rows_is_known(sql: str, is_blind: bool) -> None:
    assert for_sqlite(sql).is_blind is is_blind
