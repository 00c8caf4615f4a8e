"""The only writer of a payment's and a refund's status.

Changes are collected for a whole group of payments and written set by set: a compare-and-set
UPDATE of each table, then history, events and books, all in the caller's transaction. The callers
hold the payments' locks, so a compare-and-set that misses is a bug and rolls everything back.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from core.db import needs_transaction, rows_of_values
from core.kill_points import reached
from ledger import books
from payments.events import TYPES
from payments.models import Event, Operation, Payment, Refund, StatusChange
from payments.representation import payment_dict, refund_dict
from payments.states import RefundStatus, Status, check_move, check_refund_move

_WRITE_PAYMENTS = """
    UPDATE payments_payment p
    SET status = v.status, amount_captured = v.captured, amount_refund_held = v.held,
        amount_overdrawn = v.overdrawn, amount_refunded = v.refunded,
        failure_code = v.code, failure_message = v.message,
        outcome_unknown_since = v.unknown_since, needs_review = v.needs_review,
        review_reason = v.review_reason, review_operation = v.review_operation,
        next_action_url = v.next_action_url, version = v.version, updated_at = now()
    FROM (VALUES %s) AS v(id, old_version, status, captured, held, overdrawn, refunded, code,
                          message, unknown_since, needs_review, review_reason, review_operation,
                          next_action_url, version)
    WHERE p.id = v.id AND p.version = v.old_version
    RETURNING p.id
"""
_PAYMENT_TYPES = (
    "(%s::uuid, %s, %s, %s::bigint, %s::bigint, %s::bigint, %s::bigint, %s, %s, %s::timestamptz,"
    " %s, %s, %s::uuid, %s, %s)"
)

_WRITE_REFUNDS = """
    UPDATE payments_refund r
    SET status = v.status, failure_code = v.code, failure_message = v.message,
        outcome_unknown_since = v.unknown_since, version = v.version, updated_at = now()
    FROM (VALUES %s) AS v(id, old_version, status, code, message, unknown_since, version)
    WHERE r.id = v.id AND r.version = v.old_version
    RETURNING r.id
"""
_REFUND_TYPES = "(%s::uuid, %s, %s, %s, %s, %s::timestamptz, %s)"

_WRITE_OPERATIONS = """
    UPDATE payments_operation o
    SET state = v.state, provider_id = v.provider_id, recheck_at = v.recheck_at, claims = NULL,
        settled_at = CASE WHEN o.state = v.state THEN o.settled_at ELSE now() END
    FROM (VALUES %s) AS v(id, state, provider_id, recheck_at)
    WHERE o.id = v.id
    RETURNING o.id
"""


class LostUpdate(RuntimeError):
    """A row changed although its payment was locked."""


class Changes:
    """Changes to a group of locked payments, written by ``flush``."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._payments: dict[UUID, tuple[Payment, int]] = {}
        self._refunds: dict[UUID, tuple[Refund, int]] = {}
        self._operations: dict[UUID, Operation] = {}
        self._history: list[StatusChange] = []
        self._events: list[Event] = []
        self._postings: list[books.Posting] = []
        self._news: dict[UUID, tuple[books.Posting, Event]] = {}

    def touch(self, payment: Payment) -> None:
        """Have the payment's other columns written, too."""
        self._payments.setdefault(payment.id, (payment, payment.version))
        payment.updated_at = self.now

    def touch_refund(self, refund: Refund) -> None:
        """Have the refund's other columns written, too."""
        self._refunds.setdefault(refund.id, (refund, refund.version))
        refund.updated_at = self.now

    def move(self, payment: Payment, after: Status, *, cause: str, cause_id: UUID) -> None:
        """Change a payment's status.

        :raises IllegalMove: if the table has no such move
        """
        before = Status(payment.status)
        check_move(before, after)
        self.touch(payment)
        payment.status, payment.version = after, payment.version + 1
        self._history.append(
            StatusChange(
                payment=payment,
                before=before,
                after=after,
                version=payment.version,
                cause=cause,
                cause_id=cause_id,
            )
        )

    def catch_up(self, payment: Payment, refund: Refund | None) -> None:
        """Write the unwritten steps of these: the triggers want to see each step of several."""
        if self._payments.get(payment.id, (payment, payment.version))[1] != payment.version:
            self._write_payments()
        if refund and self._refunds.get(refund.id, (refund, refund.version))[1] != refund.version:
            self._write_refunds()

    def has_been(self, payment: Payment, statuses: Collection[Status]) -> bool:
        """Tell whether a payment went through one of these by a step that is not written yet."""
        return any(
            step.payment_id == payment.id and step.refund is None and step.after in statuses
            for step in self._history
        )

    def begin(self, payment: Payment, *, cause: str, cause_id: UUID) -> None:
        """Take a payment that no provider had heard of into PROCESSING, at once."""
        if payment.status == Status.CREATED:
            self.move(payment, Status.PROCESSING, cause=cause, cause_id=cause_id)
            self.tell("payment.processing", payment)
            self._write_payments()  # the trigger wants to see each step

    def move_refund(
        self, refund: Refund, after: RefundStatus, *, cause: str, cause_id: UUID
    ) -> None:
        """Change a refund's status.

        :raises IllegalMove: if the table has no such move
        """
        before = RefundStatus(refund.status)
        check_refund_move(before, after)
        self.touch_refund(refund)
        refund.status, refund.version = after, refund.version + 1
        self._history.append(
            StatusChange(
                payment=refund.payment,
                refund=refund,
                before=before,
                after=after,
                version=refund.version,
                cause=cause,
                cause_id=cause_id,
            )
        )

    def settle(self, operation: Operation) -> None:
        """Have the operation's end written."""
        self._operations[operation.id] = operation

    def book(self, posting: books.Posting) -> None:
        """Have the posting booked."""
        self._postings.append(posting)

    def add_step(self, step: StatusChange) -> None:
        """Have a step written that was taken already."""
        self._history.append(step)

    def add_event(self, event: Event) -> None:
        """Have an event written that tells of something else than a payment or refund."""
        self._events.append(event)

    def tell(self, name: str, payment: Payment, refund: Refund | None = None) -> None:
        """Have an event written that shows the payment, or the refund, as it is now."""
        self._events.append(_event(name, payment, refund))

    def tell_failure(self, name: str, payment: Payment, code: str, message: str) -> None:
        """Have an event written of something that was refused and left the payment as it is."""
        event = _event(name, payment, None)
        event.payload = {**event.payload, "failure": {"code": code, "message": message}}
        self._events.append(event)

    def book_and_tell(
        self, posting: books.Posting, name: str, payment: Payment, refund: Refund | None
    ) -> None:
        """Have the posting booked, and the event written only if it was not booked before."""
        self._news[posting.id] = (posting, _event(name, payment, refund))

    @needs_transaction
    def flush(self) -> None:
        """Write everything.

        :raises LostUpdate: if a row changed under our lock
        """
        self._write_payments()
        self._write_refunds()
        self._write_operations()
        reached("changes.after_rows")
        StatusChange.objects.bulk_create(self._history)
        postings = [*self._postings, *(posting for posting, _ in self._news.values())]
        booked = books.book_all(postings)
        reached("changes.after_books")
        news = [event for posting, event in self._news.values() if posting.id in booked]
        Event.objects.bulk_create([*self._events, *news])
        self._history, self._postings, self._events, self._news = [], [], [], {}

    def _write_payments(self) -> None:
        values = [
            (
                p.id, old, p.status, p.amount_captured, p.amount_refund_held, p.amount_overdrawn,
                p.amount_refunded, p.failure_code, p.failure_message, p.outcome_unknown_since,
                p.needs_review, p.review_reason, p.review_operation, p.next_action_url, p.version,
            )
            for p, old in self._payments.values()
        ]  # fmt: skip
        if len(rows_of_values(_WRITE_PAYMENTS, _PAYMENT_TYPES, values)) != len(values):
            raise LostUpdate("payment")
        self._payments = {}

    def _write_refunds(self) -> None:
        values = [
            (
                r.id, old, r.status, r.failure_code, r.failure_message, r.outcome_unknown_since,
                r.version,
            )
            for r, old in self._refunds.values()
        ]  # fmt: skip
        if len(rows_of_values(_WRITE_REFUNDS, _REFUND_TYPES, values)) != len(values):
            raise LostUpdate("refund")
        self._refunds = {}

    def _write_operations(self) -> None:
        values = [(o.id, o.state, o.provider_id, o.recheck_at) for o in self._operations.values()]
        rows_of_values(_WRITE_OPERATIONS, "(%s::uuid, %s, %s, %s::timestamptz)", values)
        self._operations = {}


def _event(name: str, payment: Payment, refund: Refund | None) -> Event:
    assert name in TYPES, name  # merchants are told what there is
    subject = refund or payment
    return Event(
        merchant_id=payment.merchant_id,
        mode=payment.mode,
        aggregate_type="refund" if refund else "payment",
        aggregate_id=subject.id,
        type=name,
        version=subject.version,
        payload=refund_dict(refund) if refund else payment_dict(payment),
    )
