"""The OpenAPI 3.1 document, made from the route table.

Only of what this server answers: a face that is switched off is not in it.

Belongs here: the document. Not here: what it says of a route (the route's row), refusals (problems.py).
"""

from collections.abc import Iterable
from typing import Any

from .problems import MEDIA_TYPE, PROBLEM_SCHEMA
from .route import Parameter, Reply, Route, Schema

DOCUMENT: Schema = {
    "type": "object",
    "required": ["openapi", "info", "paths"],
    "properties": {"openapi": {"type": "string"}, "info": {"type": "object"}, "paths": {"type": "object"}},
}

_TAGS = (
    ("/api/v1/", "api", "Files and uploads, as people and programs ask for them."),
    ("/file/", "downloads", "The bytes of files."),
    ("/s/", "downloads", ""),
    ("", "tus", "Resumable uploads: tus 1.0.0, whose headers its specification describes."),
)
_OTHERS = ("/healthz", "/health", "/readyz", "/assets/")
_TEXT = {"type": "string"}
_NOT_MODIFIED = 304


def document(routes: Iterable[Route], *, base_path: str, version: str) -> dict[str, Any]:
    """The document for these routes, with the tus face at `base_path`."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = route.path.replace("{base_path}", base_path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tusd-py",
            "version": version,
            "description": "Resumable uploads, and a catalogue of what was uploaded.",
        },
        "tags": [{"name": name, "description": about} for _, name, about in _TAGS if about],
        "security": [{}, {"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": {"Problem": PROBLEM_SCHEMA},
            "responses": {
                "Refused": {
                    "description": "Why not (RFC 9457).",
                    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                },
                "RefusedByTus": {
                    "description": "Why not, in tusd's form: a code and a text.",
                    "content": {"text/plain": {"schema": _TEXT}},
                },
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or a token."}
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [_tag_of(route)],
        "responses": {**_replies(route), "default": {"$ref": f"#/components/responses/{_refusal_of(route)}"}},
    }
    if route.parameters:
        operation["parameters"] = [_parameter(one) for one in route.parameters]
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {route.reads: {"schema": route.body}}}
    elif route.reads != "application/json":
        operation["requestBody"] = {"required": False, "content": {route.reads: {}}}
    if route.action is None:
        operation["security"] = [{}]
    return operation


def _tag_of(route: Route) -> str:
    if route.path == "/" or route.path.startswith(_OTHERS):
        return "api"
    return next(name for prefix, name, _ in _TAGS if route.path.startswith(prefix))


def _refusal_of(route: Route) -> str:
    below = ("/api/v1/", "/file/", "/s/")
    return "Refused" if route.path.startswith(below) else "RefusedByTus"


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "description": parameter.description,
        "required": parameter.required or parameter.where == "path",
        "schema": parameter.schema,
    }


def _replies(route: Route) -> dict[str, dict[str, Any]]:
    return {str(status): _reply(status, reply) for status, reply in route.replies.items()}


def _reply(status: int, reply: Reply) -> dict[str, Any]:
    said: dict[str, Any] = {"description": reply.description}
    if reply.headers:
        said["headers"] = {
            name: {"description": about, "schema": _TEXT} for name, about in reply.headers.items()
        }
    if reply.schema is not None:
        said["content"] = {reply.media_type: {"schema": reply.schema}}
    elif reply.media_type != "application/json" and status != _NOT_MODIFIED:
        said["content"] = {reply.media_type: {}}
    return said
