"""What a payment's timeline says of webhooks (``payments.timeline``)."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Q

from core.db import database_time
from outbox import listing
from outbox.models import Message
from payments.happenings import later, of_message
from payments.representation import timestamp
from payments.timeline import ROWS_MAX, SOURCES, Entry, Subject, Timeline, masked
from webhooks.models import Delivery, ProviderEvent
from webhooks.rendering import delivery_dict
from webhooks.trail import newest_attempts

# A provider's event and its message are of one transaction.
_STAGED_WITHIN = timedelta(seconds=2)


def provider_events(subject: Subject, before: Timeline) -> Iterator[Entry]:
    """Yield the provider's webhooks that refer to the payment, or became facts about it."""
    references = [str(one) for one in (*subject.sources, *subject.operation_ids)]
    refers = ProviderEvent.objects.filter(
        gateway=subject.payment.gateway, reference__in=references
    ).order_by("id")
    found = {one.id: one for one in refers[: ROWS_MAX + 1]}
    # One that names only what the provider calls it became a fact under its own id.
    became = ProviderEvent.objects.filter(id__in=set(before.ids("notice")) - set(found))
    found |= {one.id: one for one in became}
    for one in sorted(found.values(), key=lambda event: event.id)[: ROWS_MAX + 1]:
        yield Entry(
            kind="provider_event",
            id=one.id,
            at=one.received_at,
            object=("payment", subject.payment.id),
            facts={
                "type": one.kind,
                "outcome": one.outcome or None,
                "provider_id": masked(one.provider_id),
                "amount": one.amount,
                "currency": one.currency or None,
                "applied_at": timestamp(one.applied_at),
                "set_aside_at": timestamp(one.parked_at),
            },
        )


def deliveries(_: Subject, before: Timeline) -> Iterator[Entry]:
    """Yield what endpoints were sent, or are being sent, of the events that were found."""
    found = Delivery.objects.filter(body__in=before.ids("event")).select_related("body")
    now = database_time()
    objects = {entry.id: entry.object for entry in before.entries if entry.kind == "event"}
    for one in found.order_by("id")[: ROWS_MAX + 1]:
        shown = delivery_dict(one, now)
        facts = ("event", "status", "reason", "next_attempt_at", "finished_at")
        yield Entry(
            kind="delivery",
            id=one.id,
            at=one.created_at,
            object=objects[one.body_id],
            facts={"endpoint": str(one.endpoint_id), **{name: shown[name] for name in facts}},
            xid=None if one.xid is None else int(one.xid),
            cause=one.body_id,
        )


def messages(_: Subject, before: Timeline) -> Iterator[Entry]:
    """Yield the messages that apply the provider's webhooks, and that deliver ours."""
    about = {
        entry.id: entry.object
        for entry in before.entries
        if entry.kind in {"provider_event", "delivery"}
    }
    found = {one.id: one for one in listing.about(list(about))}
    for part in (_applied(before), _delivered(before)):
        found |= {one.id: one for one in part}
    for one in sorted(found.values(), key=lambda message: message.id)[: ROWS_MAX + 1]:
        yield of_message(one, about[one.subject_id], cause=one.subject_id)


def _applied(before: Timeline) -> list[Message]:
    """Return the messages of provider events, which nothing finds by their subjects once done."""
    staged = Q()
    for one in before.ids("provider_event"):
        staged |= Q(subject_id=one, id__gt=one, id__lt=later(one, _STAGED_WITHIN))
    return list(Message.objects.filter(staged)) if staged else []


def _delivered(before: Timeline) -> list[Message]:
    tried = newest_attempts(before.ids("delivery"))
    made = set(tried.values_list("message_id", flat=True))
    return list(Message.objects.filter(id__in=made))


SOURCES.extend((provider_events, deliveries, messages))
