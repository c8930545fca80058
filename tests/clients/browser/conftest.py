"""One Chromium for all tests of a module: to start it takes longer than most of them."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from .pages import one_for_all


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def _one_browser() -> AsyncIterator[None]:
    async with one_for_all():
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser can be talked to in one event loop only, so the tests of a module share theirs, too."""
    here = __package__ or ""
    for item in items:
        if item.nodeid.startswith(here.replace(".", "/")):
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)
