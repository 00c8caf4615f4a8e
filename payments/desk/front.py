"""What the front page says of messages and payments: from partial indexes only."""

from collections.abc import Iterator

from django.urls import reverse

from core.desk.board import Line, board
from core.desk.words import duration
from outbox import listing
from outbox import sampling as outbox_sampling
from payments import sampling

TEMPLATE = "desk/index.html"


def _messages(view: str) -> str:
    return f"{reverse('admin:outbox_message_changelist')}?view={view}"


def _payments(view: str) -> str:
    return f"{reverse('admin:payments_payment_changelist')}?view={view}"


@board
def messages() -> Iterator[Line]:
    """Yield how the outbox stands."""
    now, may = outbox_sampling.standing(), "outbox.view_message"
    late = now.oldest_seconds > listing.OVERDUE.total_seconds()
    oldest = f"due for {duration(now.oldest_seconds)}" if late else "none"
    yield Line("Dead messages", str(now.dead), _messages("dead"), now.dead > 0, may)
    yield Line("Held messages", str(now.held), _messages("held"), now.held > 0, may)
    yield Line("Oldest overdue message", oldest, _messages("overdue"), late, may)
    yield Line(
        "Waiting messages", str(now.pending), _messages("waiting"), calls=False, permission=may
    )
    yield Line("In flight", str(now.in_flight), _messages("in_flight"), calls=False, permission=may)


@board
def payments() -> Iterator[Line]:
    """Yield how the payments stand."""
    review, may = sampling.needing_review(), "payments.view_payment"
    count, seconds = sampling.unknown_payments()
    unknown = f"{count}, the oldest for {duration(seconds)}" if count else "0"
    yield Line("Payments that need review", str(review), _payments("review"), review > 0, may)
    # For a moment after a time-out it is asked about by itself.
    is_old = seconds > listing.OVERDUE.total_seconds()
    yield Line("Payments of unknown outcome", unknown, _payments("unknown"), is_old, may)
