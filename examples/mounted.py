"""Uploads inside an application of your own: who may, what is accepted, what happens afterwards.

python -m examples.mounted --port 8080 --folder ./uploads
"""

import argparse
import logging

from aiohttp import web

from protocol.metadata import parse_metadata
from tusd_py import (
    Identity,
    NewUpload,
    Scope,
    Tus,
    Unauthorized,
    Upload,
    UploadRejected,
    load_settings,
    setup_tus,
)

USERS = {"alices-token": "alice", "bobs-token": "bob"}
FINISHED = web.AppKey("finished", list[str])
TUS = web.AppKey("tus", Tus)


async def identify(request: web.Request) -> Identity:
    """Your own way to know people: a token here, perhaps a session there."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token not in USERS:
        raise Unauthorized("a bearer token is wanted", headers={"WWW-Authenticate": "Bearer"})
    return Identity(tenant="", subject=USERS[token], scopes=frozenset({Scope.UPLOAD, Scope.READ}))


async def only_pictures(identity: Identity, new: NewUpload) -> NewUpload:
    """Refuse before a byte is taken; what is accepted is told who sent it."""
    if not (new.filetype or "").startswith("image/"):
        raise UploadRejected(f"only pictures are taken, and this is {new.filetype or 'of no type'}")
    said = parse_metadata(new.metadata, limit=len(new.metadata))
    return new.with_metadata({**said.values, "sender": identity.subject})


async def hello(request: web.Request) -> web.Response:
    """A page of the application."""
    return web.json_response({"finished": request.app[FINISHED]})


async def ready(request: web.Request) -> web.Response:
    """The application is ready when its uploads are."""
    report = await request.app[TUS].ready()
    return web.json_response(dict(report.checks), status=200 if report.ready else 503)


async def metrics(request: web.Request) -> web.Response:
    """Prometheus' text; put it where only your monitoring can read it."""
    return web.Response(body=request.app[TUS].metrics.text(), content_type="text/plain")


def make_app(folder: str) -> web.Application:
    """The application."""
    app = web.Application()
    app[FINISHED] = []

    async def finished(upload: Upload) -> None:
        app[FINISHED].append(f"{upload.filename} by {upload.owner}")

    app[TUS] = setup_tus(
        app,
        "/files/",
        settings=load_settings({"storage.upload_dir": folder, "uploads.max_size": "5GiB"}),
        identify=identify,
        pre_create=only_pictures,
        post_finish=finished,
    )
    app.router.add_get("/", hello)
    app.router.add_get("/ready", ready)
    app.router.add_get("/metrics", metrics)
    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--folder", default="./uploads")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    web.run_app(make_app(chosen.folder), host="127.0.0.1", port=chosen.port)
