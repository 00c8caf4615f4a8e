"""UUIDv7 (RFC 9562 §5.7): ids that sort by the time they were made."""

import os
import time
from threading import Lock
from uuid import UUID

_lock = Lock()
_last = 0

# 12 bits of sub-millisecond time in rand_a (RFC 9562 §6.2, method 3): order within one process.
_FRACTION_BITS = 12
_NANOS_PER_MILLI = 1_000_000


def uuid7() -> UUID:
    """Return a new id, greater than every id this process made before."""
    global _last  # noqa: PLW0603 - the last tick is the whole state
    nanos = time.time_ns()
    millis, rest = divmod(nanos, _NANOS_PER_MILLI)
    tick = (millis << _FRACTION_BITS) | ((rest << _FRACTION_BITS) // _NANOS_PER_MILLI)
    with _lock:
        tick = max(tick, _last + 1)
        _last = tick
    rand_b = int.from_bytes(os.urandom(8), "big") >> 2
    value = (tick >> _FRACTION_BITS) << 80 | 0x7 << 76 | (tick & 0xFFF) << 64 | 0b10 << 62 | rand_b
    return UUID(int=value)


def smallest_uuid7(unix_seconds: float) -> UUID:
    """Return an id that sorts below every id made at or after this moment."""
    return UUID(int=int(unix_seconds * 1000) << 80)
