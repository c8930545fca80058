"""What is in force, as it may be shown."""

from tusd_py.config.effective import in_force
from tusd_py.config.settings import Hooks, Nats, Settings


def test_passwords_and_tokens_in_urls_are_not_shown() -> None:
    settings = Settings(
        nats=Nats(servers=("nats://ann:geheim@nats.example:4222",)),
        hooks=Hooks(http="https://hooks.example/x?token=geheim"),
    )
    shown = {f"{one.section}.{one.name}": one.shown for one in in_force(settings, {})}
    assert shown["nats.servers"] == '["nats://ann:***@nats.example:4222"]'
    assert shown["hooks.http"] == '"https://hooks.example/x?token=***"'
    assert shown["access.forward_headers"] == '["Authorization", "Cookie", "X-Api-Key"]'
