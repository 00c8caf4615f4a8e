"""Django's PostgreSQL backend, which asks a busy connection less often whether it is alive.

Django asks at the first statement of every request: a round trip of its own. Under load that is a
fifth of what a create waits for. One that was alive a moment ago is taken to be alive; if it is
not, that request is answered 503 like those that were under way, and Django opens a new one.
"""

import time
from typing import Any

from django.db.backends.postgresql import base

ASKED_EVERY_SECONDS = 1.0


class DatabaseWrapper(base.DatabaseWrapper):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._known_alive_until = 0.0

    def close_if_health_check_failed(self) -> None:
        """Ask, unless the answer is from just now."""
        if self.connection is not None and time.monotonic() < self._known_alive_until:
            self.health_check_done = True
        is_asked = not self.health_check_done
        super().close_if_health_check_failed()
        if is_asked and self.connection is not None:
            self._known_alive_until = time.monotonic() + ASKED_EVERY_SECONDS

    def close(self) -> None:
        """Close the connection; the next one is not known yet."""
        self._known_alive_until = 0.0
        super().close()
