"""How long a message waits until it asks again. A clock never decides anything; it only asks."""

import math
import random
from datetime import datetime, timedelta

from django.conf import settings

from outbox.handling import Started
from payments.asking import Heard
from payments.cases import Case
from payments.facts import Meaning, Verdict
from payments.reviews import UNTOLD, is_over

RETRY_SECONDS_MAX = 3600
INQUIRY_SECONDS_MAX = 60
# A provider that said "pending" tells the rest by webhook; asking is for the one that gets lost.
WAITING_SECONDS_MAX = 600
DOUBLINGS_MAX = 12
# A payment that a person must look at is still asked about, but no longer often.
REVIEWED_INQUIRY = timedelta(hours=1)


def retry_delay(message: Started, heard: Heard) -> timedelta:
    """Return when to try again what was certainly not sent."""
    seconds = min(2.0 ** min(message.failures, DOUBLINGS_MAX), RETRY_SECONDS_MAX)
    asked = heard.retry_after_seconds or 0.0
    # A provider may ask for patience, not for ever; nor for what is no number.
    patience = min(asked, RETRY_SECONDS_MAX) if math.isfinite(asked) else RETRY_SECONDS_MAX
    return timedelta(seconds=max(_jittered(seconds), patience))


def inquiry_delay(case: Case, verdict: Verdict, now: datetime) -> timedelta:
    """Return when to ask again what became of an operation."""
    if (case.payment.needs_review and not _is_wanted_soon(case, now)) or is_over(case):
        return REVIEWED_INQUIRY
    back = case.operation.returned_at
    if verdict.waits_for_payer and back is None and not _is_being_let_go(case):
        return settings.ACTION_INQUIRY
    is_waiting = verdict.meaning is Meaning.WAITING
    longest = WAITING_SECONDS_MAX if is_waiting else INQUIRY_SECONDS_MAX
    # When the payer has come back, the provider soon knows more, and the pauses begin anew.
    asked = sum(back is None or one.intended_at > back for one in case.attempts)
    seconds = min(2.0 ** min(max(asked - 1, 0), DOUBLINGS_MAX), longest)
    return timedelta(seconds=_jittered(seconds))


def _is_wanted_soon(case: Case, now: datetime) -> bool:
    """Tell whether a person was called only because the merchant did not want to wait."""
    since = (case.operation.refund or case.payment).outcome_unknown_since
    is_young = since is None or now - since <= settings.REVIEW_AFTER
    return case.payment.review_reason == UNTOLD and is_young


def _is_being_let_go(case: Case) -> bool:
    return any(one.kind == "void" for one in case.family)


def _jittered(seconds: float) -> float:
    """Spread what failed together, so that it does not come back together."""
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311
