"""Parts that are too large for memory, where there is nowhere to put them."""

from pathlib import Path

import pytest

from storage_backends.base import StorageError, StorageFull
from storage_backends.s3.body import Sum
from storage_backends.s3.budget import Budget
from storage_backends.s3.filling import Filling, spooled
from storage_backends.s3.profiles import PROFILES


def filling() -> tuple[Filling, Budget]:
    budget = Budget(1 << 20)
    return Filling(budget, Sum(PROFILES["aws"].digest)), budget


async def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="gone") as raised:
        await spooled(*filling(), 1000, tmp_path / "gone")
    assert not isinstance(raised.value, StorageFull)
