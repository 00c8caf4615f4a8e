from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.mocks.book import book_at
from gateways.providers.simulator import Simulator
from tests.gateways.simulated import options
from tests.simulator.provider import Provider


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    """Give the path of a mock's books; this process closes them afterwards."""
    path = str(tmp_path / "mock.sqlite3")
    yield path
    book_at(path).close()


@pytest.fixture(scope="module")
def provider(tmp_path_factory) -> Iterator[Provider]:
    made = Provider(tmp_path_factory.mktemp("provider"))
    made.start()
    yield made
    made.kill()


@pytest.fixture
def simulator(provider) -> Simulator:
    return Simulator(**options(provider.url))
