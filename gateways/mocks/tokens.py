"""The magic values of ``payment_method``: what each makes a mock do.

``docs/merchants/testing.md`` is this table for merchants; a test keeps the two equal.
"""

from dataclasses import dataclass
from enum import Enum, auto

from gateways.base import ACTION_EXPIRED, OutcomeKind
from gateways.disputes import DisputeSaid


class Before(Enum):
    """What goes wrong before anything happened at the provider."""

    UNAVAILABLE_ONCE = auto()
    UNAVAILABLE = auto()
    RATE_LIMITED_ONCE = auto()
    LOST_ONCE = auto()
    SERVER_ERROR_ONCE = auto()


class After(Enum):
    """What goes wrong after it happened."""

    LOST_ONCE = auto()
    SERVER_ERROR_STORED = auto()  # every repeat of the key meets the same error
    SERVER_ERROR_WHILE_HIDDEN = auto()
    TOO_SLOW = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What a mock does with one request. ``due_*`` is the result that follows later."""

    status: OutcomeKind = OutcomeKind.SUCCEEDED
    code: str = ""
    before: Before | None = None
    after: After | None = None
    seconds: float = 0.0
    due_seconds: float | None = None
    due_status: OutcomeKind | None = None
    due_code: str = ""
    webhook: bool = True
    hidden_seconds: float = 0.0
    amount_excess: int = 0
    held_seconds: float | None = None  # when the mock lets go of what it holds by itself
    disputes: tuple[DisputeSaid, ...] = ()  # what is told of it afterwards, one after the other


SUCCESS = Script()
PENDING_SECONDS = 1.0
LATE_SECONDS = 2.0
SLOW_SECONDS = 3.0
HIDDEN_SECONDS = 4.0
HELD_SECONDS = 2.0
DISPUTE_SECONDS = 2.0
ACTION_SECONDS = 2.0
# How long a person has at the mock's page.
PATIENCE_SECONDS = 3_600.0
REFUSED = "action_refused"

_DECLINE_CODES = (
    "insufficient_funds",
    "do_not_honor",
    "expired",
    "lost_or_stolen",
    "invalid_account",
    "limit_exceeded",
    "fraud_suspected",
)


def decline(code: str) -> Script:
    """Return the script of a final no."""
    return Script(status=OutcomeKind.DECLINED, code=code)


def _follows(status: OutcomeKind, code: str = "", *, webhook: bool = True) -> Script:
    return Script(
        status=OutcomeKind.PENDING,
        due_seconds=PENDING_SECONDS,
        due_status=status,
        due_code=code,
        webhook=webhook,
    )


def _waits(status: OutcomeKind, code: str = "", seconds: float = ACTION_SECONDS) -> Script:
    """Return a script that waits for the payer, and what comes of it if nobody acts at its page."""
    return Script(
        status=OutcomeKind.REQUIRES_ACTION,
        due_seconds=seconds,
        due_status=status,
        due_code=code,
    )


CHARGES: dict[str, Script] = {
    "tok_success": SUCCESS,
    **{f"tok_decline_{code}": decline(code) for code in _DECLINE_CODES},
    "tok_pending_success": _follows(OutcomeKind.SUCCEEDED),
    "tok_pending_failure": _follows(OutcomeKind.DECLINED, "do_not_honor"),
    "tok_pending_silent_success": _follows(OutcomeKind.SUCCEEDED, webhook=False),
    "tok_requires_action": _waits(OutcomeKind.DECLINED, ACTION_EXPIRED, PATIENCE_SECONDS),
    "tok_requires_action_success": _waits(OutcomeKind.SUCCEEDED),
    "tok_requires_action_failure": _waits(OutcomeKind.DECLINED, REFUSED),
    "tok_requires_action_abandoned": _waits(OutcomeKind.DECLINED, ACTION_EXPIRED),
    "tok_late_success": Script(
        status=OutcomeKind.DECLINED,
        code="do_not_honor",
        due_seconds=LATE_SECONDS,
        due_status=OutcomeKind.SUCCEEDED,
    ),
    "tok_slow": Script(seconds=SLOW_SECONDS),
    "tok_timeout": Script(after=After.TOO_SLOW),
    "tok_answer_lost": Script(after=After.LOST_ONCE),
    "tok_lost_before": Script(before=Before.LOST_ONCE),
    "tok_5xx_before": Script(before=Before.SERVER_ERROR_ONCE),
    "tok_5xx_after": Script(after=After.SERVER_ERROR_STORED),
    "tok_find_lags": Script(after=After.SERVER_ERROR_WHILE_HIDDEN, hidden_seconds=HIDDEN_SECONDS),
    "tok_unavailable_once": Script(before=Before.UNAVAILABLE_ONCE),
    "tok_unavailable": Script(before=Before.UNAVAILABLE),
    "tok_rate_limited_once": Script(before=Before.RATE_LIMITED_ONCE),
    "tok_wrong_amount": Script(amount_excess=1),
    "tok_authorization_expires": Script(held_seconds=HELD_SECONDS),
}

# The payment succeeds and is disputed afterwards.
DISPUTES: dict[str, Script] = {
    "tok_dispute_opened": Script(disputes=(DisputeSaid.OPENED,)),
    "tok_dispute_won": Script(disputes=(DisputeSaid.OPENED, DisputeSaid.WON)),
    "tok_dispute_lost": Script(disputes=(DisputeSaid.OPENED, DisputeSaid.LOST)),
}

# A refund's script is chosen by what its charge was paid with; the charge itself succeeds.
REFUNDS: dict[str, Script] = {
    "tok_refund_fails": decline("refund_declined"),
    "tok_refund_pending": _follows(OutcomeKind.SUCCEEDED),
    "tok_refund_pending_fails": _follows(OutcomeKind.DECLINED, "refund_declined"),
    "tok_refund_answer_lost": Script(after=After.LOST_ONCE),
    "tok_refund_unavailable_once": Script(before=Before.UNAVAILABLE_ONCE),
}

# The same for the capture and for the void of a charge that had the money held.
CAPTURES: dict[str, Script] = {
    "tok_capture_fails": decline("capture_declined"),
    "tok_capture_pending": _follows(OutcomeKind.SUCCEEDED),
    "tok_capture_pending_fails": _follows(OutcomeKind.DECLINED, "capture_declined"),
    "tok_capture_answer_lost": Script(after=After.LOST_ONCE),
    "tok_capture_unavailable_once": Script(before=Before.UNAVAILABLE_ONCE),
    "tok_capture_wrong_amount": Script(amount_excess=-1),
}
VOIDS: dict[str, Script] = {
    "tok_void_fails": decline("void_declined"),
    "tok_void_pending": _follows(OutcomeKind.SUCCEEDED),
    "tok_void_answer_lost": Script(after=After.LOST_ONCE),
    "tok_void_unavailable_once": Script(before=Before.UNAVAILABLE_ONCE),
}
