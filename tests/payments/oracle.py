"""A provider in memory, with one truth for each charge: what our payments must come to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings

from gateways.base import (
    AnswerLost,
    Capabilities,
    Capture,
    Charge,
    Deadline,
    Found,
    Kind,
    NotFound,
    Notice,
    NotSent,
    Outcome,
    Query,
    Refund,
    Sighting,
    Void,
    declined,
    pending,
    succeeded,
)
from gateways.disputes import DisputeNotice
from gateways.mocks import webhook

NOT_HELD = "not_authorized"


@dataclass
class Dispute:
    """What a payer's bank holds against a charge; ``OPEN``, ``WON`` or ``LOST``."""

    id: str
    amount: int
    status: str = "OPEN"


@dataclass
class Truth:
    """How one charge stands; ``by`` is whose request took it or let it go."""

    operation: UUID
    amount: int
    is_manual: bool
    id: str = field(default_factory=lambda: f"ch_{uuid4().hex}")
    status: str = "pending"  # failed, held, captured, voided
    taken: int = 0
    by: str = ""
    refunds: dict[UUID, int] = field(default_factory=dict)
    disputes: list[Dispute] = field(default_factory=list)

    @property
    def refunded(self) -> int:
        return sum(self.refunds.values())

    def disputed(self, *statuses: str) -> int:
        """Return what disputes that stand like this hold, or took."""
        return sum(one.amount for one in self.disputes if one.status in statuses)

    @property
    def left(self) -> int:
        """Return what can be given back yet."""
        return self.taken - self.refunded - self.disputed("OPEN", "LOST")


class Oracle:
    """A gateway and its provider. ``losses`` is what the next requests that may act meet."""

    def __init__(self) -> None:
        self.charges: dict[UUID, Truth] = {}
        self.kept: dict[str, Outcome] = {}
        self.letters: list[dict[str, Any]] = []
        self.of_disputes: list[dict[str, Any]] = []  # all there ever were: nobody can ask for them
        self.losses: list[str] = []
        self.capabilities = Capabilities(
            keys=True, key_lifetime=timedelta(days=1), find=True, webhooks=True,
            captures=True, voids=True,
        )  # fmt: skip

    # What we ask of it

    def charge(self, charge: Charge, deadline: Deadline) -> Outcome:
        def carry_out() -> Outcome:
            truth = Truth(charge.operation_id, charge.amount, not charge.captures)
            self.charges[charge.operation_id] = truth
            if charge.payment_method != "pending":
                self.decide(truth, good=charge.payment_method != "bad", tells=False)
            return self._charged(truth)

        return self._once(charge.key, carry_out)

    def capture(self, capture: Capture, deadline: Deadline) -> Outcome:
        def carry_out() -> Outcome:
            truth = self.charges[capture.charge_operation_id]
            if truth.status != "held":
                return declined(NOT_HELD)
            self.take(truth, capture.amount, by=str(capture.operation_id))
            return succeeded(truth.id, capture.amount, "INR")

        return self._once(capture.key, carry_out)

    def void(self, void: Void, deadline: Deadline) -> Outcome:
        def carry_out() -> Outcome:
            truth = self.charges[void.charge_operation_id]
            if truth.status != "held":
                return declined(NOT_HELD)
            self.let_go(truth, by=str(void.operation_id))
            return succeeded(truth.id, truth.amount, "INR")

        return self._once(void.key, carry_out)

    def refund(self, refund: Refund, deadline: Deadline) -> Outcome:
        def carry_out() -> Outcome:
            truth = self.charges[refund.charge_operation_id]
            if refund.amount > truth.left:
                return declined("refund_exceeds_charge")
            truth.refunds[refund.operation_id] = refund.amount
            return succeeded(f"re_{refund.operation_id.hex}", refund.amount, "INR")

        return self._once(refund.key, carry_out)

    def find(self, query: Query, deadline: Deadline) -> Found | NotFound:
        if query.kind == "refund":
            return self._found_refund(query)
        truth = self.charges.get(query.charge_operation_id or query.operation_id)
        if truth is None:
            return NotFound()
        done = self._done(truth)
        if query.kind == "charge":
            return Found(self._charged(truth), tuple(done))
        ours = [one for one in done if (one.kind, one.reference) == (
            query.kind, str(query.operation_id))]  # fmt: skip
        if ours:
            return Found(ours[0].outcome)
        return Found(declined(NOT_HELD), tuple(done)) if done else NotFound()

    def read_webhook(
        self, headers: Mapping[str, str], body: bytes, now: float
    ) -> Notice | DisputeNotice:
        return webhook.read(headers, body, secrets=settings.MOCK_WEBHOOK_SECRETS, now=now)

    # What it does by itself

    def decide(self, truth: Truth, *, good: bool, tells: bool = True) -> None:
        truth.status = ("held" if truth.is_manual else "captured") if good else "failed"
        truth.taken = truth.amount if truth.status == "captured" else 0
        if tells:
            kind = "charge.succeeded" if good else "charge.failed"
            self._tell(kind, truth, str(truth.operation), truth.amount)

    def take(self, truth: Truth, amount: int, *, by: str) -> None:
        truth.status, truth.taken, truth.by = "captured", amount, by
        self._tell("capture.succeeded", truth, by, amount)

    def let_go(self, truth: Truth, *, by: str) -> None:
        truth.status, truth.by = "voided", by
        self._tell("void.succeeded", truth, by, truth.amount)

    def dispute(self, truth: Truth, amount: int) -> None:
        truth.disputes.append(Dispute(f"dp_{uuid4().hex}", amount))
        self._tell_of(truth.disputes[-1], truth, "opened")

    def rule_on(self, truth: Truth, dispute: Dispute, *, good: bool) -> None:
        dispute.status = "WON" if good else "LOST"
        self._tell_of(dispute, truth, dispute.status.lower())

    def _tell_of(self, dispute: Dispute, truth: Truth, said: str) -> None:
        letter = {
            "id": f"evt_{uuid4().hex}", "type": f"dispute.{said}", "provider_id": dispute.id,
            "reference": str(truth.operation), "amount": dispute.amount, "currency": "INR",
        }  # fmt: skip
        self.letters.append(letter)
        self.of_disputes.append(letter)

    def _once(self, key: str, carry_out: Any) -> Outcome:
        loss = self.losses.pop(0) if self.losses else ""
        if loss == "unsent":
            raise NotSent("no connection", code="unreachable")
        if loss == "before":
            raise AnswerLost("cut before it arrived")
        if key not in self.kept:
            self.kept[key] = carry_out()
        if loss == "after":
            raise AnswerLost("cut after it was done")
        return self.kept[key]

    def _charged(self, truth: Truth) -> Outcome:
        if truth.status == "pending":
            return pending(truth.id)
        if truth.status == "failed":
            return declined("do_not_honor", provider_id=truth.id)
        return succeeded(truth.id, truth.amount, "INR")

    def _done(self, truth: Truth) -> list[Sighting]:
        kind: Kind | None = None
        if truth.is_manual and truth.status in {"captured", "voided"}:
            kind = "capture" if truth.status == "captured" else "void"
        if kind is None:
            return []
        amount = truth.taken if kind == "capture" else truth.amount
        outcome = succeeded(truth.id, amount, "INR")
        reference = str(truth.operation)
        return [Sighting(kind=kind, outcome=outcome, reference=truth.by,
                         charge_reference=reference)]  # fmt: skip

    def _found_refund(self, query: Query) -> Found | NotFound:
        for truth in self.charges.values():
            if query.operation_id in truth.refunds:
                amount = truth.refunds[query.operation_id]
                return Found(succeeded(f"re_{query.operation_id.hex}", amount, "INR"))
        return NotFound()

    def _tell(self, kind: str, truth: Truth, reference: str, amount: int) -> None:
        letter = {
            "id": f"evt_{uuid4().hex}", "type": kind, "reference": reference,
            "provider_id": truth.id, "amount": amount, "currency": "INR", "code": "do_not_honor",
        }  # fmt: skip
        if not kind.startswith("charge"):
            letter["charge_reference"] = str(truth.operation)
        self.letters.append(letter)


def body_of(letter: dict[str, Any]) -> bytes:
    return json.dumps(letter).encode()
