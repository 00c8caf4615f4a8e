"""UUIDv7 (RFC 9562 §5.7): ids that sort by the time they were made."""

import os
import time
from collections.abc import Iterator
from struct import iter_unpack
from threading import Lock
from uuid import UUID

# 12 bits of sub-millisecond time in rand_a (RFC 9562 §6.2, method 3): order within one process.
_FRACTION_BITS = 12
_NANOS_PER_MILLI = 1_000_000
_RAND_B_BITS = 62
# Fetched for many ids at once: every call lets the other threads take the interpreter.
_POOL_BYTES = 512 * 8

_lock = Lock()
_last = 0
_pool: Iterator[tuple[int]] = iter(())


def _start_anew() -> None:
    """Keep a forked child from its parent's numbers, and from a lock that nobody there holds."""
    global _lock, _pool
    _lock, _pool = Lock(), iter(())


os.register_at_fork(after_in_child=_start_anew)


def _parts() -> tuple[int, int, int]:
    """Return the milliseconds, the fraction and the random part of the next id."""
    global _last, _pool  # noqa: PLW0603 - the last tick and the numbers left are the whole state
    millis, rest = divmod(time.time_ns(), _NANOS_PER_MILLI)
    tick = (millis << _FRACTION_BITS) | ((rest << _FRACTION_BITS) // _NANOS_PER_MILLI)
    with _lock:
        _last = tick = max(tick, _last + 1)
        found = next(_pool, None)
        if found is None:
            _pool = iter_unpack("=Q", os.urandom(_POOL_BYTES))
            found = next(_pool)
    return tick >> _FRACTION_BITS, tick & 0xFFF, found[0] >> (64 - _RAND_B_BITS)


def uuid7() -> UUID:
    """Return a new id, greater than every id this process made before."""
    millis, fraction, rand_b = _parts()
    return UUID(int=millis << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | rand_b)


def uuid7_text() -> str:
    """Return what ``str(uuid7())`` would be, at half the cost."""
    millis, fraction, rand_b = _parts()
    variant, node = 0x8000 | rand_b >> 48, rand_b & 0xFFFF_FFFF_FFFF
    ends = millis >> 16, millis & 0xFFFF, fraction, variant, node
    return "%08x-%04x-7%03x-%04x-%012x" % ends  # noqa: UP031 - the fastest of three ways


def smallest_uuid7(unix_seconds: float) -> UUID:
    """Return an id that sorts below every id made at or after this moment."""
    return UUID(int=int(unix_seconds * 1000) << 80)
