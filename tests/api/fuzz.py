"""Made-up requests, from what the OpenAPI document says: schemathesis against a real server.

    python -m tests.api.fuzz --examples 300 --seed 7

The exit code is that of schemathesis: 1 when it found a 5xx, an answer that the document does not describe,
or one that is not what it describes.
"""

import argparse
import asyncio
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.access.issuer import bearer, jwt_settings, token
from tests.harness.server import Server

from .caller import Caller

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# Of tus the headers are not described, the streams do not end, and pages are for people.
PATHS = r"^/api/v1/(files|uploads|me|links|auth|ticket|config|openapi\.json|admin/(events|webhooks))"


def fuzz(server: Server, *, examples: int, seed: int, seconds: float) -> int:
    """Ask as an admin, who gets furthest, about a file and an upload that are there."""
    said = {"sub": "fuzz", "tenant": "fuzz", "scope": "upload read admin"}
    name, value = bearer(token(**said, exp=int(time.time()) + 24 * 3600))
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.address.url}/api/v1/openapi.json"),
        *("--checks", CHECKS, "--max-examples", str(examples), "--seed", str(seed)),
        *("--include-path-regex", PATHS, "--header", f"{name}: {value}", "--workers", "1"),
        *("--phases", "coverage,fuzzing", "--no-color", "--suppress-health-check", "all"),
        *("--max-failures", "5", "--request-timeout", "10"),
    ]
    with tempfile.TemporaryDirectory(prefix="tusd-py-fuzz-") as folder:
        Path(folder, "schemathesis.toml").write_text(asyncio.run(_known(server)))
        ended = subprocess.run(command, cwd=folder, check=False, timeout=seconds + 120)
    return ended.returncode


async def _known(server: Server) -> str:
    """What paths may name, for schemathesis; deleting has a file of its own."""
    caller = Caller(server=server, user="fuzz", tenant="fuzz", scope="upload read admin")
    file, doomed = await caller.file(path="p"), await caller.file()
    upload = await caller.begin(10)
    return f"""
        [parameters]
        "path.file_id" = "{file["file_id"]}"
        "path.upload_id" = "{upload}"
        [[operations]]
        include-name = "DELETE /api/v1/files/{{file_id}}"
        parameters = {{ "path.file_id" = "{doomed["file_id"]}" }}
    """


async def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.api.fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=300, help="for each operation")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tusd-py-fuzz-") as folder:
        place = Path(folder)
        async with Server(folder=place, settings=jwt_settings(place)) as server:
            code = await asyncio.to_thread(
                fuzz, server, examples=chosen.examples, seed=chosen.seed, seconds=3600
            )
            if server.first_traceback:
                sys.stdout.write(server.first_traceback)
                return 1
            return code


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
