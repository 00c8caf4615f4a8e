"""Real processes for every test, and their logs when it fails."""

from collections.abc import Callable, Iterator

import pytest

from tests import servers
from tests.crash.merchants import Merchants
from tests.crash.stack import SHORT_LEASES, Stack
from tests.servers import ROOT


@pytest.fixture
def begin(tmp_path, monkeypatch) -> Iterator[Callable[..., Stack]]:
    """Give a function that starts a stack, by the names of its processes."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("WEB_WORKERS", "1")
    stacks: list[Stack] = []

    def make(*names: str, databases: servers.TestDatabases = servers.DATABASES, **env: str):
        stack = Stack(tmp_path, databases, **{**SHORT_LEASES, **env})
        stacks.append(stack)
        done = stack.manage("seed_demo", "--in-production")
        assert done.returncode == 0, done.stderr
        stack.start("broker")
        stack.start(*names)
        return stack

    yield make
    for stack in stacks:
        stack.close()


@pytest.fixture
def stack(django_db_setup, begin) -> Stack:
    """Start one of each."""
    return begin("web", "dispatcher", "worker")


@pytest.fixture
def merchants(stack) -> Merchants:
    return Merchants(stack)
