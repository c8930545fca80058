"""The OpenAPI document: valid, complete, and kept by the server."""

import json
import re

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.harness.server import Server
from tests.harness.wire import request
from tusd_py.server.route import BASE
from tusd_py.server.routes import TABLE

from .fuzz import fuzz


async def test_the_document_is_valid(guarded: Server) -> None:
    said = await request(guarded.address, "GET", "/api/v1/openapi.json")
    OpenAPIV31SpecValidator(json.loads(said.body)).validate()


async def test_the_document_has_every_route_of_the_table_and_no_other(guarded: Server) -> None:
    said = json.loads((await request(guarded.address, "GET", "/api/v1/openapi.json")).body)
    described = {
        (method.upper(), path, operation["operationId"])
        for path, operations in said["paths"].items()
        for method, operation in operations.items()
    }
    # Of the page there is one of two.
    absent = {"plain_page"} if "/api/v1/config" in said["paths"] else {"page", "asset", "config"}
    table = {
        (route.method, route.path.replace(BASE, "/files/"), route.name)
        for face in TABLE
        for route in face.routes
        if route.name not in absent
    }
    assert described == table


async def test_options_is_answered_with_the_status_that_is_described(guarded: Server) -> None:
    said = json.loads((await request(guarded.address, "GET", "/api/v1/openapi.json")).body)
    answer = await request(guarded.address, "OPTIONS", "/files/", [])
    assert str(answer.status) in said["paths"]["/files/"]["options"]["responses"]


async def test_every_reference_leads_somewhere(guarded: Server) -> None:
    text = (await request(guarded.address, "GET", "/api/v1/openapi.json")).body.decode()
    said = json.loads(text)
    for reference in set(re.findall(r'"\$ref":"#/([^"]+)"', text)):
        found = said
        for step in reference.split("/"):
            found = found[step]


@pytest.mark.timeout(400)
def test_made_up_requests_meet_no_5xx_and_no_answer_that_is_not_described(guarded: Server, seed: int) -> None:
    """A bounded slice of `make api`."""
    assert fuzz(guarded, examples=5, seed=seed, seconds=60) == 0
