"""A person has a provider asked now, and nothing is charged again."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from core.audit import ActRefused, AuditEntry
from core.db import OPERATOR, acting_as, rows
from gateways.base import AnswerLost, Outcome, OutcomeKind, succeeded
from outbox.models import Message, State
from payments.models import Payment
from payments.operating import has_unresolved_attempt, inquire
from tests.money import a_shop, charge_of, drain, messages, reciting, run_due

pytestmark = pytest.mark.usefixtures("committed_db")

BY = {"actor": "ada", "reason": "the provider says it is back"}
TAKEN = succeeded("ch_1", 1_000, "INR")
LATER = "UPDATE outbox_message SET available_at = now() + interval '1 hour' WHERE state = 0"
DEAD = "UPDATE outbox_message SET state = 9, finished_at = now() WHERE state = 0"


@pytest.fixture(autouse=True)
def _one_try_a_call(settings: Any) -> None:
    settings.GATEWAY_TOTAL = timedelta(seconds=0.4)


def the_message(payment: Payment) -> Message:
    return Message.objects.filter(subject_id=charge_of(payment).id).latest("id")


def asked(message: Message, **seen: Any) -> str:
    with acting_as(OPERATOR):
        return inquire(message.id, **{"epoch": message.epoch, "state": message.state, **BY, **seen})


def a_doubted(settings: Any, *answers: Any) -> tuple[Any, Payment]:
    """Return a gateway, and a payment whose first send it never answered."""
    gateway = reciting(settings, AnswerLost("cut"), *answers)
    payment = a_shop().accepted()
    run_due()
    rows(LATER)
    return gateway, payment


class TestInquiring:
    def test_hurries_whoever_goes_on_with_it(self, settings):
        _, payment = a_doubted(settings, TAKEN)
        message = the_message(payment)
        assert has_unresolved_attempt(charge_of(payment))

        lane = asked(message)
        drain()

        payment.refresh_from_db()
        assert (payment.status, lane) == ("SUCCESS", "inquire:mock_success")
        assert messages(message.subject_id, "kind", "state") == [("charge", State.DONE)]
        assert not has_unresolved_attempt(charge_of(payment))

    def test_stages_an_inquiry_where_nobody_goes_on(self, settings):
        _, payment = a_doubted(settings, TAKEN)
        rows(DEAD)

        asked(the_message(payment))
        drain()

        payment.refresh_from_db()
        assert payment.status == "SUCCESS"
        assert [kind for (kind,) in messages(charge_of(payment).id, "kind")] == [
            "charge",
            "inquire",
        ]

    def test_never_sends_under_another_key(self, settings):
        _, payment = a_doubted(settings, AnswerLost("cut"))

        for _ in range(3):
            asked(the_message(payment))
            drain()
            rows(LATER)

        keys = rows("SELECT DISTINCT provider_key FROM payments_attempt")
        assert len(keys) == 1

    def test_only_looks_where_the_provider_knows_no_keys(self, settings):
        reciting(settings, AnswerLost("cut"), keys=False)
        payment = a_shop().accepted()
        run_due()
        rows(LATER)

        asked(the_message(payment))
        drain()

        kinds = rows("SELECT kind FROM payments_attempt ORDER BY id")
        assert kinds == [("send",), ("ask",)]

    def test_is_told(self, settings):
        _, payment = a_doubted(settings, TAKEN)
        message = the_message(payment)

        asked(message)

        with acting_as(OPERATOR):
            entry = AuditEntry.objects.get()
        assert (entry.action, entry.subject_id) == ("message.inquired", str(message.id))
        assert (entry.before["epoch"], entry.after["epoch"]) == (1, 2)
        assert entry.reason == BY["reason"]

    def test_of_what_was_never_sent_is_refused(self):
        message = the_message(a_shop().accepted())

        with pytest.raises(ActRefused, match="never sent, so there is nothing to ask"):
            asked(message)

    def test_of_what_was_certainly_not_sent_is_refused(self, settings):
        reciting(settings, Outcome(kind=OutcomeKind.NOT_SENT, code="unreachable"))
        payment = a_shop().accepted()
        run_due()
        rows(LATER)
        assert charge_of(payment).attempts.get().outcome == "not_sent"

        with pytest.raises(ActRefused, match="never sent, so there is nothing to ask"):
            asked(the_message(payment))

    def test_of_another_state_is_refused(self, settings):
        _, payment = a_doubted(settings)

        with pytest.raises(ActRefused, match="you saw it dead at epoch 1; it is pending"):
            asked(the_message(payment), state=State.DEAD)

    def test_of_what_is_settled_is_refused(self):
        payment = a_shop().sold()

        with pytest.raises(ActRefused, match="the charge has succeeded by now"):
            asked(the_message(payment))

    def test_of_another_epoch_is_refused(self, settings):
        _, payment = a_doubted(settings)

        with pytest.raises(ActRefused, match="you saw it pending at epoch 7"):
            asked(the_message(payment), epoch=7)

    def test_of_what_is_about_no_operation_is_refused(self):
        message = Message.objects.create(kind="apply", lane="apply:x", subject_id=uuid4())

        with pytest.raises(ActRefused, match="about no operation"):
            asked(message)

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ("state = 3", "is held: release it"),
            ("alone = true", "must run alone"),
            (
                "state = 1, epoch = epoch + 1, job = id, lease_until = now() + interval '9 s'",
                "is in flight: the provider is being asked already",
            ),
        ],
    )
    def test_is_refused_while_whoever_goes_on_cannot_be_hurried(self, settings, change, why):
        _, payment = a_doubted(settings)
        rows(f"UPDATE outbox_message SET {change}")

        with pytest.raises(ActRefused, match=why):
            asked(the_message(payment))
