"""Results as Markdown: a table a case, and its aims with what was found.

Belongs here: text. Not here: figures (rounds.py, arithmetic.py).
"""

from collections.abc import Iterator

from .arithmetic import paired_ratios, spread
from .cases.case import Aim, Case, Column
from .rounds import Result


def table(result: Result) -> str:
    """The table of a case with its heading, aims and what is missing."""
    columns = [column for column in result.case.columns if _is_measured(result, column)]
    lines = [f"### {result.case.name}", "", result.case.meaning, "", *_head(result.case, columns)]
    lines += [_row(result, name, columns) for name in result.readings]
    lines += ["", *(f"- {_aim(result, aim)}" for aim in result.case.aims)]
    lines += [f"- not measured: {name} {_one_line(reason)}" for name, reason in result.missing.items()]
    return "\n".join(lines).rstrip() + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _is_measured(result: Result, column: Column) -> bool:
    return any(result.values(name, column.key) for name in result.readings)


def _head(case: Case, columns: list[Column]) -> Iterator[str]:
    headings = ["", *(heading for column in columns for heading in _headings(case, column))]
    yield "| " + " | ".join(headings) + " |"
    yield "| --- |" + " ---: |" * (len(headings) - 1)


def _headings(case: Case, column: Column) -> list[str]:
    return [column.heading, f"/ {case.reference}"] if _is_compared(case, column) else [column.heading]


def _row(result: Result, name: str, columns: list[Column]) -> str:
    cells = [name, *(cell for column in columns for cell in _cells(result, name, column))]
    return "| " + " | ".join(cells) + " |"


def _cells(result: Result, name: str, column: Column) -> list[str]:
    figure = spread_text(result.values(name, column.key), column.digits)
    if not _is_compared(result.case, column):
        return [figure]
    return [figure, ratio_text(result, name, result.case.reference, column)]


def _is_compared(case: Case, column: Column) -> bool:
    return column.is_compared and bool(case.reference)


def spread_text(values: list[float], digits: int) -> str:
    """Median and range; nothing for no values."""
    if not values:
        return ""
    found = spread(values)
    if len(values) == 1:
        return f"{found.median:.{digits}f}"
    return f"{found.median:.{digits}f} ({found.least:.{digits}f}-{found.most:.{digits}f})"


def ratios(result: Result, name: str, reference: str, column: Column) -> list[float]:
    """By round; empty where either was not measured."""
    values = result.values(name, column.key)
    references = result.values(reference, column.key)
    return paired_ratios(values, references) if len(values) == len(references) else []


def ratio_text(result: Result, name: str, reference: str, column: Column) -> str:
    """The median of the rounds' ratios."""
    found = ratios(result, name, reference, column)
    return f"{spread(found).median:.2f}x" if found else ""


def _aim(result: Result, aim: Aim) -> str:
    values = (
        ratios(result, aim.contender, aim.of, aim.column)
        if aim.of
        else result.values(aim.contender, aim.column.key)
    )
    wanted = _wanted(aim)
    if not values:
        return f"not known: {wanted}"
    found = spread(values).median
    is_met = (aim.at_most is None or found <= aim.at_most) and (aim.at_least is None or found >= aim.at_least)
    digits = 2 if aim.of else aim.column.digits
    return f"{'met' if is_met else 'MISSED'}: {wanted}; found {spread_text(values, digits)}"


def _wanted(aim: Aim) -> str:
    limit = f"at most {aim.at_most:g}" if aim.at_most is not None else f"at least {aim.at_least:g}"
    whose = f" times that of {aim.of}" if aim.of else ""
    return f"{aim.column.heading} of {aim.contender} {limit}{whose}"
