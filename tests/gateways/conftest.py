import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import logging as our_logging
from gateways.mocks.book import book_at


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    """Give the path of a mock's books; this process closes them afterwards."""
    path = str(tmp_path / "mock.sqlite3")
    yield path
    book_at(path).close()


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Give everything that is logged during the test, as it would be written."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    our_logging.configure(stream)
    yield stream
    root.handlers = handlers
    root.setLevel(level)
