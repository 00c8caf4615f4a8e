"""Until when a provider may be asked, and may answer."""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadline:
    """Two points of the monotonic clock: the answer must be here by ``at``, and nothing may
    leave after ``send_before`` (the end of our lease or of the key's life, less a margin)."""

    at: float
    send_before: float

    @classmethod
    def after(cls, seconds: float, *, send_within: float | None = None) -> "Deadline":
        """Return the deadline that many seconds from now; sends end no later than it does."""
        now = time.monotonic()
        within = seconds if send_within is None else min(seconds, send_within)
        return cls(at=now + seconds, send_before=now + within)

    def remaining(self) -> float:
        """Return the seconds left for an answer, never below zero."""
        return max(0.0, self.at - time.monotonic())

    @property
    def passed(self) -> bool:
        """Test whether there is no time left for an answer."""
        return time.monotonic() >= self.at

    def may_send(self, *, in_seconds: float = 0.0) -> bool:
        """Test, directly before a send, whether a request may still leave."""
        return time.monotonic() + in_seconds < min(self.at, self.send_before)
