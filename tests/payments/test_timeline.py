"""What happened to a payment: all of it, in causal order, and nobody else's."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.db import OPERATOR, acting_as, rows
from core.models import AuditEntry
from payments.events import public_id
from payments.models import Attempt, Event, Payment
from payments.operating import end_review, sight_of
from payments.timeline import masked
from tests.desk import Desk, timeline
from tests.money import a_shop, drain, problem, told
from tests.payments import disputes, holding
from tests.payments.numbers import number

pytestmark = pytest.mark.usefixtures("committed_db")


def story(shop, payment):
    answer = shop.get(f"/api/payments/{payment.id}/timeline/")
    assert answer.status_code == 200, answer.content
    assert answer.json()["truncated"] is False
    return answer.json()["results"]


def kinds(entries):
    """Return the kinds in order, each said once where it follows itself."""
    found = [one["kind"] for one in entries]
    return [kind for n, kind in enumerate(found) if n == 0 or found[n - 1] != kind]


def facts(entries, kind):
    return [one["facts"] for one in entries if one["kind"] == kind]


class TestAPayment:
    def test_has_its_whole_story_in_causal_order(self):
        shop = a_shop()
        payment = shop.accepted(key="order-7")
        drain()
        number()

        found = story(shop, payment)

        assert kinds(found) == [
            *("request", "ledger_line", "event", "message"),
            *("state_change", "event", "attempt"),
            *("answer", "state_change", "ledger_line", "event"),
        ]
        (request,) = facts(found, "request")
        assert request == {"idempotency_key": "order-7", "answered": 201}
        assert [one["type"] for one in facts(found, "event")] == [
            *("payment.created", "payment.processing", "payment.succeeded"),
        ]
        assert [one["number"] for one in facts(found, "event")] == [1, 2, 3]
        assert [(one["before"], one["after"]) for one in facts(found, "state_change")] == [
            ("CREATED", "PROCESSING"),
            ("PROCESSING", "SUCCESS"),
        ]
        (answer,) = facts(found, "answer")
        assert (answer["outcome"], answer["amount"]) == ("succeeded", payment.amount)
        assert [one["id"] for one in found if one["kind"] == "event"] == [
            public_id(one) for one in Event.objects.order_by("id").values_list("id", flat=True)
        ]

    def test_shows_provider_ids_by_their_ends_and_keys_not_at_all(self):
        shop = a_shop()
        payment = shop.sold()
        attempt = Attempt.objects.get()

        text = shop.get(f"/api/payments/{payment.id}/timeline/").content.decode()

        assert attempt.provider_id
        assert attempt.provider_id not in text
        assert attempt.provider_key not in text
        assert masked(attempt.provider_id) in text

    def test_tells_refunds_with_their_own_keys(self):
        shop = a_shop()
        payment = shop.sold()
        refund = shop.refund(payment, amount=5, key="back-1").json()
        drain()

        found = [one for one in story(shop, payment) if one["object"]["type"] == "refund"]

        assert {one["object"]["id"] for one in found} == {refund["id"]}
        assert kinds(found)[0] == "request"
        assert facts(found, "request") == [{"idempotency_key": "back-1", "answered": 201}]
        assert {"attempt", "answer", "state_change", "ledger_line", "event"} <= set(kinds(found))

    def test_tells_a_webhook_before_what_it_made_so(self):
        shop = a_shop()
        payment = shop.accepted(gateway="mock", payment_method="tok_pending_success")
        drain()
        told(payment, "charge.succeeded", provider_id=Attempt.objects.get().provider_id)
        drain()

        found = story(shop, payment)

        order = [one["kind"] for one in found]
        last = len(order) - 1 - order[::-1].index("state_change")
        assert order.index("provider_event") < order.index("notice") < last
        assert found[last]["facts"]["after"] == "SUCCESS"

    def test_tells_that_a_person_acted_and_not_who_or_why(self):
        shop = a_shop()
        payment = shop.sold()
        told(payment, "charge.succeeded", provider_id="ch_other")
        drain()
        payment.refresh_from_db()
        with acting_as(OPERATOR):
            end_review(
                payment.id,
                version=payment.version,
                seen_as=sight_of(Payment.objects.get(id=payment.id)),
                actor="ada@example.org",
                reason="looked into it thoroughly",
            )

        found = story(shop, payment)
        text = str(found)

        (act,) = [one for one in found if one["kind"] == "operator_act"]
        assert act["facts"] == {"action": "payment.review_ended"}
        with acting_as(OPERATOR):
            assert act["id"] == str(AuditEntry.objects.get().id)
        assert "ada" not in text
        assert "thoroughly" not in text
        assert found.index(act) < _place(found, "event", type="payment.review_ended")

    def test_tells_captures_with_their_own_keys(self):
        shop = a_shop()
        payment = holding.held(shop)
        holding.capture(shop, payment, key="take-1", amount=600)
        drain()

        found = story(shop, payment)

        asked = facts(found, "request")
        assert asked[1] == {"idempotency_key": "take-1", "answered": 202, "operation": "capture"}
        assert [one["operation"] for one in facts(found, "attempt")] == ["charge", "capture"]
        assert [one["type"] for one in facts(found, "event")][2:] == [
            *("payment.authorized", "payment.succeeded"),
        ]
        request = _place(found, "request", operation="capture")
        assert _place(found, "event", type="payment.authorized") < request
        assert request < _place(found, "attempt", operation="capture")

    def test_tells_voids(self):
        shop = a_shop()
        payment = holding.held(shop)
        holding.cancel(shop, payment, key="let-go")
        drain()

        found = story(shop, payment)

        request = _place(found, "request", operation="void", idempotency_key="let-go")
        attempt, step = (
            _place(found, "attempt", operation="void"),
            _place(found, "state_change", before="AUTHORIZED", after="CANCELED"),
        )
        assert request < attempt < step
        assert _place(found, "ledger_line", fact="payment.canceled")
        assert _place(found, "event", type="payment.canceled")

    def test_tells_disputes(self):
        shop = a_shop()
        payment = shop.sold()
        disputes.say(payment, "opened", "lost", amount=400, code="fraudulent")
        dispute = disputes.the_dispute()

        found = story(shop, payment)

        mine = [one for one in found if one["object"] == {"type": "dispute", "id": str(dispute.id)}]
        assert set(kinds(mine)) == {"notice", "state_change", "ledger_line", "event"}
        assert [one["type"] for one in facts(mine, "event")] == ["dispute.opened", "dispute.lost"]
        assert [one["outcome"] for one in facts(mine, "notice")] == ["opened", "lost"]
        assert facts(mine, "notice")[0]["provider_id"] == masked(dispute.provider_id)
        assert len(facts(found, "provider_event")) == 2
        order = [one["kind"] for one in found]
        assert order.index("provider_event") < order.index("notice")

    def test_has_nothing_of_another_payment(self):
        shop = a_shop()
        payment, other = shop.accepted(), shop.accepted()
        drain()
        ids = {str(one) for one in _ids_of(other)}

        found = story(shop, payment)

        assert ids.isdisjoint({one["id"] for one in found})

    def test_is_its_own_merchants_in_its_own_mode(self):
        shop = a_shop()
        payment = shop.accepted()
        others = (a_shop(), a_shop(mode="live", merchant=shop.merchant))

        found = [problem(one.get(f"/api/payments/{payment.id}/timeline/")) for one in others]

        assert found == [(404, "not-found")] * 2

    def test_costs_the_same_however_much_happened(self):
        shop = a_shop()
        quiet, busy = shop.sold(), shop.sold()
        for part in range(6):
            shop.refund(busy, amount=1, key=f"part-{part}")
            drain()

        counts = []
        for payment in (quiet, busy):
            with CaptureQueriesContext(connection) as captured:
                story(shop, payment)
            counts.append(len(captured))

        assert counts[0] == counts[1] <= 20

    def test_is_on_its_page_in_the_admin(self):
        shop = a_shop()
        payment = shop.sold()
        merchants = [one["kind"].replace("_", " ") for one in story(shop, payment)]

        shown = timeline(Desk(), payment.id)

        for kind, row in zip(merchants, shown, strict=True):
            assert f" {kind} " in row


def _place(entries, kind, **facts):
    for place, one in enumerate(entries):
        if one["kind"] == kind and facts.items() <= one["facts"].items():
            return place
    pytest.fail(f"no {kind} like this")


def _ids_of(payment):
    found = rows(
        "SELECT id FROM payments_operation WHERE payment_id = %(id)s"
        " UNION SELECT id FROM payments_event WHERE aggregateid = %(id)s"
        " UNION SELECT id FROM payments_statuschange WHERE payment_id = %(id)s"
        " UNION SELECT id FROM core_idempotencyrecord WHERE resource_id = %(id)s",
        {"id": payment.id},
    )
    return [one for (one,) in found]
