"""The settings of the chaos run: the project's, and a clock that is wrong.

Durations are measured by the monotonic clock and times are the database's, so that a host's clock
may be anything. Some of the processes of a run live minutes before the others, or after.
"""

import os
import time
from datetime import timedelta

from django.utils import timezone

from config.settings import *  # noqa: F403

_OFFSET_SECONDS = int(os.environ.get("CHAOS_CLOCK_OFFSET_SECONDS", "0"))
if _OFFSET_SECONDS:
    _time, _time_ns, _now = time.time, time.time_ns, timezone.now
    time.time = lambda: _time() + _OFFSET_SECONDS
    time.time_ns = lambda: _time_ns() + _OFFSET_SECONDS * 1_000_000_000
    timezone.now = lambda: _now() + timedelta(seconds=_OFFSET_SECONDS)
