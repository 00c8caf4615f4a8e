"""Whatever merchants ask, a provider does, gets lost and takes its time: in the end both agree.

The provider's own truth is the oracle. After each run everything is asked about once more, and then
every payment stands where the truth puts it, and every invariant holds.
"""

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from core.db import rows
from gateways import registry
from payments import rechecking
from payments.models import Operation, OperationKind, Payment
from tests.money import Shop, a_shop, deliver, drain, hurry, net, run_due
from tests.payments.holding import cancel, capture
from tests.payments.oracle import Dispute, Oracle, Truth, body_of
from tests.payments.promises import broken
from webhooks import operating
from webhooks.models import ProviderEvent

pytestmark = pytest.mark.usefixtures("committed_db")
NAME = "mock"  # requests name a gateway that there was at the start
ROUNDS = 8
WHICH = st.integers(0, 7)
LOSSES = st.lists(st.sampled_from(["before", "after", "unsent", ""]), min_size=1, max_size=4)
STANDS = {"held": "AUTHORIZED", "failed": "FAILED"}


class WholeLife(RuleBasedStateMachine):
    """A merchant, its provider, the wire between us and it, and time."""

    def __init__(self) -> None:
        super().__init__()
        gateway = registry.get(NAME)
        assert isinstance(gateway, Oracle)
        self.oracle = gateway
        self.oracle.losses.clear()
        self.oracle.letters.clear()
        self.oracle.of_disputes.clear()
        self.shop: Shop = a_shop()
        self.payments: list[Payment] = []

    # The merchant

    @precondition(lambda self: len(self.payments) < 4)
    @rule(method=st.sampled_from(["manual", "manual", "automatic"]),
          token=st.sampled_from(["good", "good", "good", "pending", "bad"]))  # fmt: skip
    def pay(self, method: str, token: str) -> None:
        asked = {"gateway": NAME, "capture_method": method, "payment_method": token}
        self.payments.append(self.shop.accepted(1_000, **asked))

    @precondition(lambda self: self.payments)
    @rule(which=WHICH, amount=st.sampled_from([None, 1, 400, 1_000]))
    def capture(self, which: int, amount: int | None) -> None:
        asked: dict[str, Any] = {} if amount is None else {"amount": amount}
        assert capture(self.shop, self._one(which), **asked).status_code in {202, 409}

    @precondition(lambda self: self.payments)
    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        assert cancel(self.shop, self._one(which)).status_code in {200, 202, 409}

    @precondition(lambda self: self.payments)
    @rule(which=WHICH, amount=st.sampled_from([1, 300, 1_000]))
    def refund(self, which: int, amount: int) -> None:
        answer = self.shop.refund(self._one(which), key=uuid4().hex, amount=amount)
        assert answer.status_code in {201, 409, 422}

    # The provider

    @precondition(lambda self: self._truths("pending", "failed"))
    @rule(which=WHICH, good=st.booleans())
    def decide(self, which: int, *, good: bool) -> None:
        truths = self._truths("pending", "failed")
        truth = truths[which % len(truths)]
        if good or truth.status == "pending":
            self.oracle.decide(truth, good=good)

    @precondition(lambda self: self._truths("held"))
    @rule(which=WHICH, amount=st.sampled_from([None, 250, 1_000]))
    def take_or_run_out(self, which: int, amount: int | None) -> None:
        truths = self._truths("held")
        truth = truths[which % len(truths)]
        if amount is None:
            self.oracle.let_go(truth, by="expired")
        else:
            self.oracle.take(truth, amount, by="dashboard")

    @precondition(lambda self: self._truths("captured"))
    @rule(which=WHICH, amount=st.sampled_from([1, 300, 1_000]))
    def dispute(self, which: int, amount: int) -> None:
        truths = self._truths("captured")
        truth = truths[which % len(truths)]
        if truth.left:
            self.oracle.dispute(truth, min(amount, truth.left))

    @precondition(lambda self: self._open_disputes())
    @rule(which=WHICH, good=st.booleans())
    def rule_on(self, which: int, *, good: bool) -> None:
        disputes = self._open_disputes()
        truth, dispute = disputes[which % len(disputes)]
        self.oracle.rule_on(truth, dispute, good=good)

    @precondition(lambda self: self.oracle.letters)
    @rule(which=WHICH, times=st.integers(0, 2))
    def tell(self, which: int, times: int) -> None:
        letters = self.oracle.letters
        letter = letters[which % len(letters)]
        for _ in range(times):
            assert deliver(NAME, body_of(letter)).status_code == 200
        if not times:
            letters.remove(letter)

    # The wire, workers and time

    @rule(losses=LOSSES)
    def lose(self, losses: list[str]) -> None:
        self.oracle.losses = losses

    @rule()
    def work(self) -> None:
        run_due()

    @rule()
    def work_later(self) -> None:
        hurry()
        run_due()

    @rule()
    def look_again(self) -> None:
        grow_old()
        run_due()

    def teardown(self) -> None:
        self.oracle.losses.clear()
        for _ in range(ROUNDS):
            # Also of what is only sent now.
            for truth in self._truths("pending"):
                self.oracle.decide(truth, good=True)
            drain(rounds=30)
            hurry()
        grow_old()
        drain(rounds=30)
        # Of disputes nobody can ask, so the provider tells until it is answered.
        for letter in self.oracle.of_disputes:
            assert deliver(NAME, body_of(letter)).status_code == 200
        drain(rounds=30)
        look_at_what_is_parked()
        for payment in self.payments:
            self._check(payment)
        assert broken(quiescent=True) == []

    def _check(self, payment: Payment) -> None:
        payment.refresh_from_db()
        charge = Operation.objects.get(payment=payment, kind=OperationKind.CHARGE)
        truth = self.oracle.charges.get(charge.id)
        if truth is None:
            assert (payment.status, net(payment)) == ("CANCELED", {})
            return
        status = "CANCELED" if truth.by not in {"", "dashboard", "expired"} else "EXPIRED"
        if truth.status == "captured":
            status = "REFUNDED" if truth.refunded == truth.taken else "SUCCESS"
        assert payment.status == STANDS.get(truth.status, status)
        assert payment.amount_captured == truth.taken
        books = {code: total for (layer, code), total in net(payment).items() if layer == "posted"}
        left, held = truth.left, truth.disputed("OPEN")
        expected = {"gateway_receivable": left, "merchant_payable": -left,
                    "disputes_receivable": held, "dispute_hold": -held}  # fmt: skip
        assert books == {code: total for code, total in expected.items() if total}
        assert sorted(payment.disputes.values_list("provider_id", "amount", "status")) == sorted(
            (one.id, one.amount, one.status) for one in truth.disputes
        )

    def _one(self, which: int) -> Payment:
        return self.payments[which % len(self.payments)]

    def _open_disputes(self) -> list[tuple[Truth, Dispute]]:
        truths = self._truths("captured")
        return [(truth, one) for truth in truths for one in truth.disputes if one.status == "OPEN"]

    def _truths(self, *statuses: str) -> list[Truth]:
        ours = Operation.objects.filter(payment__in=self.payments).values_list("id", flat=True)
        known = [self.oracle.charges[id_] for id_ in ours if id_ in self.oracle.charges]
        return sorted((one for one in known if one.status in statuses), key=lambda one: one.id)


def grow_old() -> None:
    """Have everything looked at that is looked at when it is old."""
    rows("UPDATE payments_operation SET recheck_at = now() WHERE recheck_at IS NOT NULL")
    rechecking.stage_due()


def look_at_what_is_parked() -> None:
    """Have a person apply what came before we knew enough of it."""
    for event in ProviderEvent.objects.exclude(parked_at=None):
        seen = operating.sight(event)
        operating.apply_again(event.id, seen_as=seen, actor="ops", reason="it is known now")
        drain(rounds=30)


def test_whatever_happens_the_provider_and_we_agree_in_the_end(settings: Any) -> None:
    settings.GATEWAYS = {
        **settings.GATEWAYS,
        NAME: {"class": "tests.payments.oracle.Oracle", "options": {}},
    }
    run_state_machine_as_test(WholeLife, settings=BOUNDED)


BOUNDED = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
