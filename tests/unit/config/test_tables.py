"""Lists of tables, as `[[webhooks.endpoints]]` is one: read from files and from text, with faults named."""

import json
from pathlib import Path

import pytest

from tests.harness.receiver import SECRET
from tusd_py.config import ConfigErrors, load
from tusd_py.config.load import Given
from tusd_py.config.settings import Endpoint

TWO = f"""
[webhooks]
timeout = "5s"
[[webhooks.endpoints]]
name = "a"
url = "https://a.example/hook?token=x"
secret = "{SECRET}"
events = ["upload.*", "file.deleted"]
[[webhooks.endpoints]]
name = "b"
url = "https://b.example"
secret_file = "SECRET_FILE"
"""


def read(folder: Path, text: str) -> tuple[Endpoint, ...]:
    path = folder / "tusd.toml"
    path.write_text(text.replace("SECRET_FILE", str(folder / "secret")))
    (folder / "secret").write_text(f"{SECRET}\n")
    return load(config_path=path, environ={}, flags={}).settings.webhooks.endpoints


def test_tables_are_read_with_their_secrets(tmp_path: Path) -> None:
    first, second = read(tmp_path, TWO)
    assert (first.name, first.events, first.tenants) == ("a", ("upload.*", "file.deleted"), ())
    assert second == Endpoint(name="b", url="https://b.example", secret=SECRET)


def test_the_environment_gives_them_as_json() -> None:
    tables = [{"name": "a", "url": "https://a.example", "secret": SECRET, "tenants": ["t"]}]
    settings = load(
        config_path=None, environ={"TUSD_PY_WEBHOOKS__ENDPOINTS": json.dumps(tables)}, flags={}
    ).settings
    assert settings.webhooks.endpoints[0].tenants == ("t",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('url = "https://b.example"', ""), "table 2: 'url' is missing"),
        (('name = "b"', "name = 7"), "table 2: name wants a text"),
        (('events = ["upload.*"', "nonsense = [1"), "nonsense"),
        (('"file.deleted"', '"file.delated"'), "file.delated"),
        (('name = "b"', 'name = "a"'), "a name of its own"),
        (("https://b.example", "ftp://b.example"), "https://"),
        (("https://b.example", "https://user:pw@b.example"), "https://"),
        ((f'secret = "{SECRET}"', 'secret = "whsec_c2hvcnQ="'), "24 to 64"),
        ((f'secret = "{SECRET}"', 'secret = "whsec_…"'), "what follows whsec_ is not base64"),
        (("SECRET_FILE", "/nowhere"), "/nowhere"),
        (('[[webhooks.endpoints]]\nname = "b"', '[webhooks.more]\nname = "b"'), "more"),
    ],
)
def test_what_is_wrong_with_a_table_is_said_and_no_secret_is(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    assert change[0] in TWO
    with pytest.raises(ConfigErrors) as wrong:
        read(tmp_path, TWO.replace(*change))
    shown = wrong.value.render()
    assert said in shown
    assert SECRET not in shown
    assert "token=x" not in shown
    assert ":pw@" not in shown


@pytest.mark.parametrize("setting", ["webhooks.endpoints", "server.trusted_proxies"])
@pytest.mark.parametrize("text", ["[" + "1" * 5000 + "]", "[" * 100_000], ids=["digits", "brackets"])
def test_a_text_that_no_reader_of_json_takes_is_a_mistake_like_others(setting: str, text: str) -> None:
    with pytest.raises(ConfigErrors) as wrong:
        load(config_path=None, environ={}, flags={setting: Given(flag=f"--set {setting}", text=text)})
    assert "as JSON it would be" in wrong.value.render()
