"""Which files come first where several processes share the suite: those that take longest.

One of them that began last would run alone at the end, while the other processes are done. `make test` tells
pytest-xdist to keep this order; by itself it takes the files with the most tests first.

Belongs here: the order. Not here: what is slow about them, and how many processes there are (Makefile).
"""

from collections.abc import Sequence

import pytest

LONGEST_FIRST: Sequence[str] = (
    "tests/crash/test_crash.py",
    "tests/clients/browser/test_upload_page.py",
    "tests/integration/test_scanning.py",
    "tests/integration/test_s3.py",
    "tests/clients/test_tus_js_client.py",
    "tests/client/test_command.py",
    "tests/conformance/test_our_server.py",
    "tests/contract/test_storage.py",
    "tests/clients/browser/test_chromium.py",
    "tests/integration/test_multipart.py",
    "tests/integration/test_s3_faults.py",
    "tests/contract/test_search.py",
    "tests/clients/browser/test_library_page.py",
    "tests/clients/browser/test_sign_in.py",
    "tests/integration/test_scan_streams.py",
    "tests/conformance/test_wrong_server.py",
    "tests/deploy/test_proxies.py",
    "tests/contract/test_database.py",
    "tests/crash/test_planted.py",
    "tests/client/test_uploads.py",
    "tests/contract/test_event_log.py",
    "tests/clients/browser/test_examples.py",
    "tests/contract/test_catalogue.py",
    "tests/api/test_openapi.py",
    "tests/integration/test_nodes.py",
    "tests/integration/test_backup.py",
    "tests/integration/test_s3_nodes.py",
    "tests/integration/test_ietf_face.py",
    "tests/integration/test_events.py",
    "tests/integration/test_downloads.py",
    "tests/integration/test_operating.py",
    "tests/contract/test_expiry.py",
    "tests/access/test_keys.py",
    "tests/unit/cli/test_commands.py",
    "tests/clients/browser/test_operate_page.py",
    "tests/integration/test_doctor_bucket.py",
    "tests/integration/test_file_commands.py",
    "tests/integration/test_admission.py",
    "tests/integration/test_lane.py",
    "tests/integration/test_supervisor.py",
    "tests/integration/test_ietf_endings.py",
    "tests/integration/test_quotas.py",
    "tests/contract/test_multiparts.py",
    "tests/integration/test_relay.py",
    "tests/integration/test_rate_limits.py",
    "tests/clients/test_python_clients.py",
    "tests/integration/test_brokers.py",
    "tests/integration/test_ietf_stores.py",
    "tests/integration/test_hooks.py",
    "tests/integration/test_links.py",
    "tests/clients/test_examples.py",
    "tests/access/test_matrix.py",
    "tests/integration/test_doctor_url.py",
    "tests/integration/test_standby.py",
    "tests/contract/test_usage.py",
    "tests/contract/test_scans.py",
    "tests/integration/test_work.py",
)
"""Those that took half a minute and more, three at a time, on two cores that had other work, too."""


def longest_first(items: list[pytest.Item]) -> None:
    """In place; the others follow as they were found."""
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(places)))
