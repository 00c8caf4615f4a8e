"""Real processes for every test."""

from collections.abc import Callable, Iterator

import pytest

from tests import servers
from tests.crash.stack import SHORT_LEASES, Stack
from tests.servers import ROOT


@pytest.fixture
def begin(tmp_path, monkeypatch) -> Iterator[Callable[..., Stack]]:
    """Give a function that starts a stack, by the names of its processes."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("WEB_WORKERS", "1")
    stacks: list[Stack] = []

    def make(
        *names: str, databases: servers.TestDatabases = servers.DATABASES, **env: str
    ) -> Stack:
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
