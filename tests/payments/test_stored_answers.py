"""Old news: what a provider kept under a key, and a webhook that is older than our last send."""

from datetime import timedelta
from typing import Any

import pytest

from core.db import rows
from gateways.base import AnswerLost, Found, NotFound, declined, succeeded
from payments.models import Attempt, Payment
from tests.money import a_shop, begin, charge_of, hurry, messages, net, reciting, run_due, told
from tests.payments.promises import broken

pytestmark = pytest.mark.django_db

TAKEN = succeeded("ch_1", 1_000, "INR")


@pytest.fixture(autouse=True)
def _one_try_a_call(settings: Any) -> None:
    settings.GATEWAY_TOTAL = timedelta(seconds=0.4)


def run_again() -> None:
    hurry()
    run_due()


def its_worker_dies() -> None:
    """Give back what was started, as the sweeper does when its lease has lapsed."""
    rows("UPDATE outbox_message SET state = 0, lease_until = NULL, job = NULL WHERE state = 1")


class TestAStaleNoAfterASendThatNobodyHeardOf:
    """The send took effect; its worker died; then a webhook tells of an earlier decline."""

    def make(self, settings: Any, *answers: Any) -> Payment:
        reciting(settings, *answers)
        payment = a_shop().accepted()
        begin(payment)
        told(payment, "charge.failed", code="no")
        run_due()
        payment.refresh_from_db()
        return payment

    def test_fails_nothing(self, settings: Any) -> None:
        payment = self.make(settings, TAKEN)

        assert payment.status == "PROCESSING"
        assert charge_of(payment).notices.count() == 1
        assert broken() == []

    def test_has_the_provider_asked(self, settings: Any) -> None:
        payment = self.make(settings, TAKEN)

        its_worker_dies()
        run_again()

        payment.refresh_from_db()
        assert payment.status == "SUCCESS"
        assert net(payment)["posted", "merchant_payable"] == -1_000
        assert list(Attempt.objects.order_by("id").values_list("outcome", flat=True)) == [
            "",
            "succeeded",
        ]
        assert broken() == []

    def test_is_true_when_the_provider_says_so_again(self, settings: Any) -> None:
        payment = self.make(settings, declined("no"), NotFound())

        its_worker_dies()
        run_again()

        payment.refresh_from_db()
        assert (payment.status, payment.failure_code) == ("FAILED", "no")
        assert broken() == []

    def test_is_true_where_no_send_is_in_doubt(self, settings: Any) -> None:
        reciting(settings, TAKEN)
        payment = a_shop().accepted()
        (message_id,) = messages(charge_of(payment).id, "id")[0]
        rows("UPDATE outbox_message SET available_at = now() + '1 h' WHERE id = %s", [message_id])

        told(payment, "charge.failed", code="no")
        run_due()

        payment.refresh_from_db()
        assert (payment.status, payment.failure_code) == ("FAILED", "no")


class TestANoKeptUnderTheKey:
    def test_is_not_believed_while_the_look_is_unanswered(self, settings: Any) -> None:
        gateway = reciting(settings, AnswerLost("cut"), declined("old"), AnswerLost("cut"))
        payment = a_shop().accepted()

        run_due()
        run_again()

        payment.refresh_from_db()
        assert payment.status == "PROCESSING"
        assert payment.outcome_unknown_since is not None
        assert messages(charge_of(payment).id, "state", "failures") == [(0, 0)]
        assert [type(one).__name__ for one in gateway.requests] == ["Charge", "Charge", "Query"]

    def test_is_looked_behind_the_next_time(self, settings: Any) -> None:
        lost = AnswerLost("cut")
        reciting(settings, lost, declined("old"), lost, declined("old"), Found(TAKEN))
        payment = a_shop().accepted()

        run_due()
        run_again()
        run_again()

        payment.refresh_from_db()
        assert payment.status == "SUCCESS"

    def test_is_believed_when_the_look_finds_the_same(self, settings: Any) -> None:
        reciting(settings, AnswerLost("cut"), declined("old"), Found(declined("old")))
        payment = a_shop().accepted()

        run_due()
        run_again()

        payment.refresh_from_db()
        assert (payment.status, payment.failure_code) == ("FAILED", "old")
