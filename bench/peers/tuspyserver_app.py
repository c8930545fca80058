"""tuspyserver under uvicorn, one worker: python tuspyserver_app.py FOLDER PORT (in a venv of its own)."""

import sys

import uvicorn
from fastapi import FastAPI
from tuspyserver import create_tus_router

folder, port = sys.argv[1:]
app = FastAPI()
app.include_router(create_tus_router(files_dir=folder, prefix="files", max_size=1 << 40))
# Without a log of requests, which costs it much.
uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", backlog=1024)
