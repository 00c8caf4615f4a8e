"""Everything that can go wrong, by name. `docs/simulator.md` has this table; a test compares.

A token is `sim_` and one or more names joined by `+`: `sim_drop_after+webhook_twice`. A name may be
followed by the number of calls that it meets, `sim_drop_after:3`; 0 means every one. Anything that
is no such token, or is misspelt, is a payment method without faults.
"""

import re
from dataclasses import dataclass, replace
from typing import Any, Literal

PREFIX = "sim_"
# A charge's payment method asks for faults of what is done to it later, too.
LATER_PREFIXES = {"refund": "sim_refund_", "capture": "sim_capture_", "void": "sim_void_"}
PENDING_SECONDS = 1.0
LAG_SECONDS = 6.0
LATER_SECONDS = 3 * 86_400.0
ACTED_SECONDS = 1.0
# How long a payer has.
ACTION_SECONDS = 3600.0
REFUSED, EXPIRED = "action_refused", "action_expired"
WEBHOOK_LATE_SECONDS = 10.0

# What an operation comes to. `good` is captured, authorized, voided or refunded; `action` waits for
# the payer, and is `late` when that took too long.
Result = Literal["good", "bad", "pending", "action", "late"]
Webhook = Literal["none", "twice", "late", "reordered", "forged", "contradictory"]
# What becomes of a charge after its capture: disputed, and how that ends.
Decision = Literal["won", "lost"]
Dispute = Literal["", "opened", "won", "lost"]
EVERY_CALL = 0

_NAME = re.compile(r"([a-z][a-z0-9_]*)(?::([0-9]{1,3}))?")
_DECLINE = re.compile(r"decline_([a-z][a-z_]{0,40})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What happens to one operation."""

    result: Result = "good"
    code: str = ""
    times: int = 1  # how often the money moves
    later: Result | None = None
    later_code: str = ""
    later_seconds: float = 0.0
    is_approval_pending: bool = False  # what a payer approved is decided only after a while
    before: str = ""  # what its first calls meet before anything happens
    before_calls: int = 1
    after: str = ""  # what becomes of the answers to the calls after those
    after_calls: int = 1
    look: str = ""  # what becomes of the answers to its first look-ups by reference
    look_calls: int = 1
    find_lag_seconds: float = 0.0
    list_lag_seconds: float = 0.0
    status_lag_seconds: float = 0.0
    webhook: frozenset[Webhook] = frozenset()
    dispute: Dispute = ""


def _action(later: Result, code: str = "", seconds: float = ACTED_SECONDS) -> dict[str, Any]:
    return {"result": "action", "later": later, "later_code": code, "later_seconds": seconds}


def _webhook(kind: Webhook) -> dict[str, Any]:
    return {"webhook": frozenset({kind})}


FAULTS: dict[str, dict[str, Any]] = {
    "success": {},
    "pending_success": {
        "result": "pending",
        "later": "good",
        "later_seconds": PENDING_SECONDS,
    },
    "pending_failure": {
        "result": "pending",
        "later": "bad",
        "later_code": "do_not_honor",
        "later_seconds": PENDING_SECONDS,
    },
    "failed_then_captured": {
        "result": "bad",
        "code": "do_not_honor",
        "later": "good",
        "later_seconds": LATER_SECONDS,
    },
    "requires_action": _action("late", EXPIRED, ACTION_SECONDS),
    "requires_action_success": _action("good"),
    "requires_action_failure": _action("bad", REFUSED),
    "requires_action_abandoned": _action("late", EXPIRED),
    "approval_pending": {"is_approval_pending": True},
    "captured_twice": {"times": 2},
    "dispute_opened": {"dispute": "opened"},
    "dispute_won": {"dispute": "won"},
    "dispute_lost": {"dispute": "lost"},
    "drop_before": {"before": "drop"},
    "error_before": {"before": "500"},
    "slow_before": {"before": "slow"},
    "rate_limited_seconds": {"before": "429 seconds"},
    "rate_limited_date": {"before": "429 date"},
    "rate_limited_bare": {"before": "429 bare"},
    "rate_limited_nonsense": {"before": "429 nonsense"},
    "rate_limited_huge": {"before": "429 huge"},
    "rate_limited_negative": {"before": "429 negative"},
    "drop_after": {"after": "drop"},
    "error_after": {"after": "500"},
    "error_stored": {"after": "500", "after_calls": EVERY_CALL},
    "slow_after": {"after": "slow"},
    "drip": {"after": "drip"},
    "malformed": {"after": "malformed"},
    "truncated": {"after": "truncated"},
    "html": {"after": "html"},
    "oversized": {"after": "oversized"},
    "wrong_amount": {"after": "wrong amount"},
    "wrong_currency": {"after": "wrong currency"},
    "wrong_account": {"after": "wrong account"},
    "find_dropped": {"look": "drop"},
    "find_error": {"look": "500"},
    "find_rate_limited": {"look": "429 bare"},
    "find_slow": {"look": "slow"},
    "find_malformed": {"look": "malformed"},
    "find_truncated": {"look": "truncated"},
    "find_html": {"look": "html"},
    "find_lags": {"find_lag_seconds": LAG_SECONDS},
    "reads_lag": {"find_lag_seconds": LAG_SECONDS, "list_lag_seconds": LAG_SECONDS},
    "status_lags": {"status_lag_seconds": LAG_SECONDS},
    "webhook_none": _webhook("none"),
    "webhook_twice": _webhook("twice"),
    "webhook_late": _webhook("late"),
    "webhook_reordered": _webhook("reordered"),
    "webhook_forged": _webhook("forged"),
    "webhook_contradictory": _webhook("contradictory"),
}


def names_in(token: str, prefix: str = PREFIX) -> str:
    """Return the names in a token, joined by `+`; nothing if it is none of ours."""
    if not token.startswith(prefix):
        return ""
    joined = token.removeprefix(prefix)
    return joined if is_known(joined) else ""


def is_known(joined: str) -> bool:
    """Test whether every one of these names, joined by `+`, is a fault."""
    found = [_NAME.fullmatch(part) for part in joined.split("+")]
    return all(one and (one[1] in FAULTS or _DECLINE.fullmatch(one[1])) for one in found)


def script(joined: str) -> Script:
    """Return what happens to an operation with these faults; a later name wins over an earlier."""
    result = Script()
    for part in filter(None, joined.split("+")):
        result = _with(result, part)
    return result


def _with(known: Script, part: str) -> Script:
    found = _NAME.fullmatch(part)
    assert found is not None, part
    name, calls = found[1], found[2]
    declined = _DECLINE.fullmatch(name)
    changes: dict[str, Any] = {"result": "bad", "code": declined[1]} if declined else {}
    changes |= FAULTS.get(name, {})
    if "webhook" in changes:
        changes["webhook"] = known.webhook | changes["webhook"]
    for stage in ("before", "after", "look"):
        if stage in changes and calls is not None:
            changes[f"{stage}_calls"] = int(calls)
    return replace(known, **changes)
