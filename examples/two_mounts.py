"""Two upload services in one application, one of them inside a sub-application: nothing is shared.

python -m examples.two_mounts --port 8080 --folder ./uploads
"""

import argparse

from aiohttp import web

from tusd_py import load_settings, setup_tus


def make_app(folder: str) -> web.Application:
    """Pictures at /pictures/, films of a team at /team/films/."""
    app = web.Application()
    setup_tus(
        app,
        "/pictures/",
        settings=load_settings({"storage.upload_dir": f"{folder}/pictures", "uploads.max_size": "20MiB"}),
    )
    team = web.Application()
    setup_tus(team, "/films/", settings=load_settings({"storage.upload_dir": f"{folder}/films"}))
    app.add_subapp("/team", team)
    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--folder", default="./uploads")
    chosen = parser.parse_args()
    web.run_app(make_app(chosen.folder), host="127.0.0.1", port=chosen.port)
