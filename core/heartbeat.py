"""Shows from outside that a process gets through its loop: a file, touched as long as it does.

A container's health check looks at the file's age, which costs neither a connection nor the start
of a Django.
"""

import time
from pathlib import Path

from django.conf import settings

from core.logging import get_logger

log = get_logger(__name__)

# A loop may turn a hundred times a second; the check looks back much further.
EVERY_SECONDS = 1.0
_last = [float("-inf")]


def beat() -> None:
    """Touch the file, once a second at most; do nothing where none is wanted."""
    now = time.monotonic()
    if not settings.HEARTBEAT_FILE or now - _last[0] < EVERY_SECONDS:
        return
    _last[0] = now
    try:
        Path(settings.HEARTBEAT_FILE).touch()
    except OSError as error:
        # The check will tell; a full disk must not stop the work as well.
        log.warning("heartbeat.failed", error=type(error).__name__)
