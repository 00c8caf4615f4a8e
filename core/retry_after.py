"""Reads ``Retry-After``, which is seconds or a date (RFC 9110 §10.2.3)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# No number of seconds that anybody means is longer; Python converts only so many digits.
_DIGITS_MAX = 12


def asked_patience(value: str, now: float) -> float | None:
    """Return the seconds somebody wants us to wait from now; None if they do not say, or did."""
    text = value.strip()
    if text.isdecimal() and text.isascii():
        return float(text) if len(text) <= _DIGITS_MAX else None
    try:
        moment = parsedate_to_datetime(text)
        # A date without a zone is in UTC.
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (moment - datetime.fromtimestamp(now, UTC)).total_seconds()
    except (ValueError, OverflowError):
        return None
    return seconds if seconds >= 0 else None
