"""The HTTP API: the catalogue, uploads as they are watched, and the document that describes all of it."""
