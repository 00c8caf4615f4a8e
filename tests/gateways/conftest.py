from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.mocks.book import book_at


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    """Give the path of a mock's books; this process closes them afterwards."""
    path = str(tmp_path / "mock.sqlite3")
    yield path
    book_at(path).close()
