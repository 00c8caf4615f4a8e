"""Everything known of a group of operations, read under the locks of their payments."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from core.db import needs_transaction
from core.schema import TransactionTime
from payments.facts import Fact, Matter, Said, Verdict, fold, matters
from payments.models import Attempt, AttemptKind, Notice, Operation, OperationKind, Payment


@dataclass(slots=True)
class Case:
    """One operation, its payment, and every fact about it.

    ``family`` has the charge, captures and voids of the payment, one list for all its cases.
    """

    operation: Operation
    payment: Payment
    attempts: list[Attempt] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    family: list[Operation] = field(default_factory=list)

    @property
    def charge(self) -> Operation | None:
        """What a refund gives back, a capture takes or a void lets go: the payment's charge."""
        kin = (one for one in self.family if one.kind == OperationKind.CHARGE)
        return None if self.operation.kind == OperationKind.CHARGE else next(kin, None)

    def facts(self) -> Iterator[Fact]:
        """Yield what was said, by answers and by webhooks."""
        for attempt in self.attempts:
            yield Fact(
                Said(attempt.outcome),
                is_send=attempt.kind == AttemptKind.SEND,
                provider_id=attempt.provider_id,
                amount=attempt.amount,
                currency=attempt.currency,
                account=attempt.account,
                code=attempt.code,
                message=attempt.detail,
                action_url=attempt.action_url,
                said_as=_said_as(attempt),
            )
        for notice in self.notices:
            yield Fact(
                Said(notice.outcome),
                is_notice=True,
                provider_id=notice.provider_id,
                amount=notice.amount,
                currency=notice.currency,
                account=notice.account,
                code=notice.code,
                message=notice.detail,
                action_url=notice.action_url,
                said_as=_said_as(notice),
            )

    def verdict(self) -> Verdict:
        """Fold the facts."""
        return fold(self.facts(), amount=self.operation.amount, currency=self.operation.currency)

    def matters(self) -> frozenset[Matter]:
        """Return what a person has to judge, if the facts call for one."""
        return matters(self.facts(), amount=self.operation.amount, currency=self.operation.currency)


def _said_as(fact: Attempt | Notice) -> str:
    """Only of addresses does it matter which was said last; all else is the same said twice."""
    return str(fact.id) if fact.outcome == Said.REQUIRES_ACTION else ""


@dataclass(slots=True)
class Docket:
    """The cases of a group by operation id, and the transaction's time by the database's clock."""

    now: datetime
    cases: dict[UUID, Case]


@needs_transaction
def load(operation_ids: Sequence[UUID]) -> Docket:
    """Lock the payments of these operations in id order and read all that is known of them.

    The order is the same everywhere: payments first, then outbox rows, then the ledger's accounts.
    """
    wanted = list(operation_ids)
    payments = (
        Payment.objects.filter(id__in=Operation.objects.filter(id__in=wanted).values("payment_id"))
        .order_by("id")
        .select_for_update(no_key=True)
        .annotate(now=TransactionTime())
    )
    locked = {payment.id: payment for payment in payments}
    families: defaultdict[UUID, list[Operation]] = defaultdict(list)
    cases = {}
    is_kin = ~Q(kind=OperationKind.REFUND) | Q(id__in=wanted)
    found = Operation.objects.filter(is_kin, payment__in=list(locked)).select_related("refund")
    asked_for = set(wanted)
    for operation in found.order_by("id"):
        family = families[operation.payment_id]
        if operation.refund is None:
            family.append(operation)
        if operation.id in asked_for:
            payment = locked[operation.payment_id]
            cases[operation.id] = Case(operation, payment, family=family)
    by_operation: defaultdict[UUID, list[Attempt]] = defaultdict(list)
    for attempt in Attempt.objects.filter(operation_id__in=wanted).order_by("id"):
        by_operation[attempt.operation_id].append(attempt)
    for notice in Notice.objects.filter(operation_id__in=wanted):
        cases[notice.operation_id].notices.append(notice)
    for operation_id, case in cases.items():
        case.attempts = by_operation[operation_id]
        if case.operation.refund is not None:
            case.operation.refund.payment = case.payment
    now = next(iter(locked.values())).now if locked else datetime.max  # noqa: DTZ901
    return Docket(now, cases)


def of_payment(payment: Payment) -> list[Case]:
    """Read all that is known of a payment's operations, oldest first; locks nothing."""
    found = Operation.objects.filter(payment=payment).select_related("refund").order_by("id")
    operations = list(found)
    family = [operation for operation in operations if operation.refund is None]
    cases = {operation.id: Case(operation, payment, family=family) for operation in operations}
    for attempt in Attempt.objects.filter(operation__in=list(cases)).order_by("id"):
        cases[attempt.operation_id].attempts.append(attempt)
    for notice in Notice.objects.filter(operation__in=list(cases)):
        cases[notice.operation_id].notices.append(notice)
    return list(cases.values())
