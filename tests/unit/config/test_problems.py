"""How a complaint looks."""

from tusd_py.config.problems import ConfigErrors, Mark, Problem, did_you_mean


def test_a_problem_points_at_its_place() -> None:
    problem = Problem(
        what="server.prot is not a setting",
        name="tusd.toml",
        mark=Mark(line=12, column=3, width=4, source="\t prot = 80"),
        found="prot",
        wanted="one of `port`",
        hint="did you mean `port`?",
    )
    assert problem.render() == (
        "error: server.prot is not a setting\n"
        "  --> tusd.toml:12:3\n"
        "   |\n"
        "12 |   prot = 80\n"
        "   |   ^^^^\n"
        "found: prot\n"
        "wanted: one of `port`\n"
        "hint: did you mean `port`?"
    )


def test_a_variable_is_named_instead_of_a_line() -> None:
    assert Problem(what="w", name="environment variable X", found="1").render() == (
        "error: w\n --> environment variable X\nfound: 1"
    )


def test_several_problems_are_kept_apart() -> None:
    errors = ConfigErrors([Problem(what="a", name=""), Problem(what="b", name="")])
    assert errors.render() == "error: a\n\nerror: b"


def test_a_long_line_is_cut_around_the_mark() -> None:
    source = "x = [" + "'a', " * 200 + "7]"
    start = source.index("7")
    lines = (
        Problem(what="w", name="f", mark=Mark(line=1, column=start + 1, width=1, source=source))
        .render()
        .split("\n")
    )
    shown, carets = lines[3], lines[4]
    assert len(shown) < 130
    assert shown[carets.index("^")] == "7"


def test_a_hostile_file_cannot_draw_on_the_terminal() -> None:
    mark = Mark(line=1, column=1, width=200, source="\x1b[2J\u202e = 1")
    rendered = Problem(what="w", name="\x1b[31m.toml", mark=mark, found="\x07\nerror: forged").render()
    assert rendered.isascii()
    assert "\x1b" not in rendered
    assert not any(line.startswith("error: forged") for line in rendered.split("\n"))


def test_a_password_in_a_line_is_not_shown() -> None:
    mark = Mark(line=1, column=1, width=3, source='url = "postgresql://u:geheim@h/x" # token=abc')
    rendered = Problem(what="w", name="f", mark=mark).render()
    assert "geheim" not in rendered
    assert "abc" not in rendered


def test_a_password_in_a_headline_is_not_shown() -> None:
    for said in ("htps://ann:geheim@example.org/", "database.url:postgresql://u:geheim@h/db"):
        assert "geheim" not in Problem(what=f"{said!r} is no URL", name="").render()


def test_near_misses_are_recognised_across_dashes() -> None:
    assert did_you_mean("base-pth", ["base_path", "port"]) == "base_path"
    assert did_you_mean("zzz", ["base_path", "port"]) == ""
