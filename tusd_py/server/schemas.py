"""What the API's documents and requests consist of, in JSON Schema.

Belongs here: what several faces share. Not here: what one route has for itself (its face's file).
"""

from .route import Parameter, Schema

ID: Schema = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
TIME: Schema = {"type": "string", "format": "date-time", "description": "RFC 3339, UTC, with microseconds."}

FILE_ID = Parameter(name="file_id", where="path", description="Of the file.", schema=ID)
UPLOAD_ID = Parameter(name="upload_id", where="path", description="Of the upload.", schema=ID)

USUAL, MOST = 50, 500
"""Rows of a page."""

CURSOR = Parameter(
    name="cursor",
    description="Where to go on: the `next` of the page before.",
    schema={"type": "string", "minLength": 1, "maxLength": 200},
)
LIMIT = Parameter(
    name="limit",
    description="Of one page.",
    schema={"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
)
IF_MATCH = Parameter(
    name="If-Match",
    where="header",
    description="An ETag that came with the file: 412 if somebody changed it since.",
    schema={"type": "string"},
)
IF_NONE_MATCH = Parameter(
    name="If-None-Match",
    where="header",
    description="An ETag that came with it: 304 if it is still so.",
    schema={"type": "string"},
)


def page_of(name: str, item: Schema) -> Schema:
    """A page of a list."""
    return {
        "type": "object",
        "required": [name, "next"],
        "properties": {
            name: {"type": "array", "items": item},
            "next": {
                "type": ["string", "null"],
                "description": "The cursor of what follows; null at the end.",
            },
        },
    }
