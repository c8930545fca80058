"""Does the scanner find what it has to?

Belongs here: telling it. Not here: the specimens (scanning/prover.py).
"""

from collections.abc import AsyncIterator

from tusd_py.scanning.prover import Prover
from tusd_py.scanning.scanner import NoVerdict, ScannerAway

from .finding import Finding, well, wrong

CHECK = "scanner"


async def look_at_scanner(prover: Prover) -> AsyncIterator[Finding]:
    try:
        proof = await prover.prove()
    except ScannerAway as away:
        yield wrong(
            CHECK,
            f"{away}; until it answers nothing becomes clean, and nothing is served",
            "is clamd running? Compare scan.clamd_socket, or clamd_host and clamd_port, with LocalSocket, or "
            "TCPAddr and TCPSocket, in clamd.conf; this user must be allowed to write to the socket "
            "(LocalSocketGroup, LocalSocketMode)",
        )
    except NoVerdict as failed:
        yield wrong(
            CHECK,
            f"{failed}; until that is right nothing becomes clean, and nothing is served",
            "see docs/scanning.md for what clamd.conf needs",
        )
    else:
        yield well(CHECK, f"{proof.engine}: it finds what it has to")
