"""Django's PostgreSQL backend, which looks whether a connection is alive before it asks.

Django asks at the first statement of every request: a round trip of its own. Under load that is a
fifth of what a create waits for. A server that ends a connection says so, and what it said waits
at the socket; only what a router has forgotten meanwhile is silent, and that takes minutes.
"""

import select
import time
from typing import Any

from django.db.backends.postgresql import base

# Far less than any router or proxy keeps a silent connection.
RESTED_SECONDS = 60.0


class DatabaseWrapper(base.DatabaseWrapper):
    health_check_done: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rested_from = 0.0

    def connect(self) -> None:
        """Open a connection, which is alive for now."""
        super().connect()
        self._rested_from = time.monotonic() + RESTED_SECONDS

    def close_if_health_check_failed(self) -> None:
        """Ask if the connection has rested for long, or the server has said something."""
        if self.connection is None or self.health_check_done:
            return
        now = time.monotonic()
        if now < self._rested_from and not _has_news(self.connection):
            self.health_check_done = True
        super().close_if_health_check_failed()
        self._rested_from = now + RESTED_SECONDS

    def close(self) -> None:
        """Close the connection; the next one is not known yet."""
        self._rested_from = 0.0
        super().close()


def _has_news(driver: Any) -> bool:
    """Tell whether something waits to be read; nobody has asked anything."""
    if driver.closed:
        return True
    socket = select.poll()
    socket.register(driver.fileno(), select.POLLIN)
    return bool(socket.poll(0))
