"""Wires on a loop of their own, and somebody at their other end."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from config.stack.ports import LOOPBACK
from tests.chaos.proxy import Wires


class Parrot:
    """Says back what it hears, and remembers it."""

    def __init__(self) -> None:
        self.heard = b""
        self.ends = 0
        self._door = socket.create_server((LOOPBACK, 0))
        self.port = self._door.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                one, _ = self._door.accept()
                threading.Thread(target=self._talk, args=[one], daemon=True).start()

    def _talk(self, one: socket.socket) -> None:
        with closing(one), suppress(OSError):
            while chunk := one.recv(4096):
                self.heard += chunk
                one.sendall(chunk)
            self.ends += 1

    def close(self) -> None:
        """Listen to nobody more."""
        self._door.close()


@pytest.fixture
def wires() -> Iterator[Wires]:
    """Give wires, cut when the test is over."""
    made = Wires()
    yield made
    made.close()


@pytest.fixture
def parrot() -> Iterator[Parrot]:
    """Give somebody to talk to."""
    made = Parrot()
    yield made
    made.close()
