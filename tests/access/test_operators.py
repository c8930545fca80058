"""What the admin of one tenant sees of what is everybody's."""

import asyncio
import json
from pathlib import Path

from tests.harness.ports import free_port
from tests.harness.receiver import SECRET
from tests.harness.server import Server
from tests.harness.wire import request

from .issuer import bearer, jwt_settings, token


async def test_how_far_everybodys_events_are_is_nothing_for_the_admin_of_one_tenant(tmp_path: Path) -> None:
    endpoint = {"name": "all", "url": f"http://127.0.0.1:{free_port()}/", "secret": SECRET}
    settings = {
        **jwt_settings(tmp_path),
        "access.super_admins": "hq/chief",
        "webhooks.endpoints": json.dumps([endpoint]),
        "webhooks.allow_networks": "127.0.0.0/8",
    }
    async with Server(folder=tmp_path, settings=settings) as server:

        async def relays(tenant: str, subject: str) -> list[str]:
            who = bearer(token(tenant=tenant, sub=subject, scope="admin"))
            said = await request(server.address, "GET", "/api/v1/admin/webhooks", [who])
            assert said.status == 200, said.body
            return [one["name"] for one in json.loads(said.body)["relays"]]

        # A relay stands somewhere from its first round on.
        async with asyncio.timeout(20):
            while await relays("hq", "chief") != ["webhook:all"]:
                await asyncio.sleep(0.05)
        assert await relays("acme", "root") == []
