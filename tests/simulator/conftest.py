"""Simulators and those who listen to them."""

from collections.abc import Callable, Iterator

import pytest

from tests.simulator.provider import Provider
from tests.simulator.receiver import Receiver


@pytest.fixture(scope="module")
def provider(tmp_path_factory) -> Iterator[Provider]:
    """Give one simulator for all tests of a module: each uses references of its own."""
    made = Provider(tmp_path_factory.mktemp("provider"))
    made.start()
    yield made
    made.kill()


@pytest.fixture
def begin(tmp_path) -> Iterator[Callable[..., Provider]]:
    """Give a function that starts a simulator of the test's own."""
    made: list[Provider] = []

    def start(*arguments: str, webhook_url: str = "", folder: str = "") -> Provider:
        home = tmp_path / folder
        home.mkdir(exist_ok=True)
        one = Provider(home, *arguments, webhook_url=webhook_url)
        made.append(one)
        one.start()
        return one

    yield start
    for one in made:
        one.kill()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made
        made.shutdown()
