"""A payer's way back from a provider's page to the merchant's. It asks, and believes nothing.

Anybody may come, as often as they like, with whatever in the query. So nothing is read but whose
payment it is, nothing is told, and the provider is asked no more often than it would be anyway.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import OperationalError
from django.db.models import Count, Max
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from core.addresses import see_other, with_query
from core.db import transaction
from core.errors import Problem
from core.kill_points import reached
from core.logging import bind, get_logger
from core.schema import TransactionTime
from outbox import staging
from outbox.models import Message, State
from outbox.waking import wake
from payments.models import Attempt, Operation, OperationKind, Payment
from payments.operating import has_unresolved_attempt
from payments.states import OperationState

log = get_logger(__name__)

# Whoever comes back again and again has the provider asked ever more rarely: this long after the
# last time, or a second for each time that it was asked, whichever is longer, up to the most.
SPACING_MIN = timedelta(seconds=2)
SPACING_MAX = timedelta(seconds=60)
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Thank you</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body { font: 16px/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 30rem; }</style>
</head><body><p>Thank you. You may close this window.</p></body></html>
"""


@csrf_exempt  # or a wrong method would be called a forgery
@never_cache
def returned(request: HttpRequest, payment_id: UUID) -> HttpResponse:
    """Have the provider asked how the charge stands, and send the payer on to the merchant.

    A payment without a way back and one that there is not get the same page.

    :raises Problem: ``method-not-allowed``
    """
    if request.method not in {"GET", "HEAD"}:
        raise Problem("method-not-allowed", headers={"Allow": "GET, HEAD"})
    payment = Payment.objects.filter(id=payment_id).only("id", "return_url").first()
    if payment is None:
        return HttpResponse(_PAGE)
    bind(payment_id=str(payment.id))
    try:
        work = _hasten(payment.id)
    except OperationalError as error:
        # The payer goes on all the same: the provider is asked without them, only later.
        log.warning("payer.not_noted", error=type(error).__name__)
        work = ""
    if work:
        wake(work)
    reached("return.before_answer")
    if not payment.return_url:
        return HttpResponse(_PAGE)
    return see_other(with_query(payment.return_url, payment=str(payment.id)))


def _hasten(payment_id: UUID) -> str:
    """Have the provider asked soon, if there is anything to ask; return the lane that has work."""
    if not _is_news(_charge(payment_id)):
        return ""
    with transaction():
        locked = Payment.objects.filter(id=payment_id).annotate(now=TransactionTime())
        now: datetime = locked.select_for_update(no_key=True).get().now
        charge = _charge(payment_id)
        if charge is None or not has_unresolved_attempt(charge):
            return ""
        Operation.objects.filter(id=charge.id, returned_at=None).update(returned_at=Now())
        reached("return.after_mark")
        work = _brought_forward(charge, now)
        reached("return.uncommitted")
    reached("return.after_commit")
    return work


def _charge(payment_id: UUID) -> Operation | None:
    return Operation.objects.filter(
        payment_id=payment_id, kind=OperationKind.CHARGE, state=OperationState.OPEN
    ).first()


def _is_news(charge: Operation | None) -> bool:
    """Tell, without a lock, whether a payer who comes now changes when the provider is asked."""
    if charge is None or not has_unresolved_attempt(charge):
        return False
    if charge.returned_at is None:
        return True
    waiting = Message.objects.filter(
        subject_id=charge.id, state=State.PENDING, alone=False, available_at__gt=Now()
    ).first()
    soonest = _soonest(charge)
    return waiting is not None and (soonest is None or waiting.available_at > soonest)


def _soonest(charge: Operation) -> datetime | None:
    """Return when the provider may be asked next for a payer's sake; None if it never was."""
    found = Attempt.objects.filter(operation=charge)
    asked = found.aggregate(last=Max("intended_at"), times=Count("id"))
    spacing = min(max(SPACING_MIN, timedelta(seconds=asked["times"])), SPACING_MAX)
    return asked["last"] + spacing if asked["last"] else None


def _brought_forward(charge: Operation, now: datetime) -> str:
    """Make the charge's one message due soon; return its lane if that is now."""
    soonest = max(now, _soonest(charge) or now)
    staging.hasten([charge.id], soonest)
    due = Message.objects.filter(
        subject_id=charge.id, state=State.PENDING, available_at__lte=now
    ).first()
    return due.lane if due else ""
