"""What an operator reads at three in the morning says what is so, and leads on."""

import re

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from core.db import OPERATOR, acting_as, rows
from gateways.base import Outcome, OutcomeKind, succeeded
from ledger.accounts import merchant_payable
from outbox.models import Message
from tests.core.test_desk_merchants import press
from tests.desk import Desk, page, text
from tests.money import a_shop, reciting, run_due, told

pytestmark = pytest.mark.usefixtures("committed_db")

UNKNOWN = Outcome(kind=OutcomeKind.UNKNOWN, code="timeout")


def test_a_payment_of_other_money_says_so_wherever_it_is_met(settings):
    reciting(settings, succeeded("ch_1", 1_001, "INR"))
    payment = a_shop().accepted()
    run_due()
    desk = Desk()
    why = "the provider reports another amount or currency than was asked for"

    listed = desk.read("payments/payment/", view="review")
    message = Message.objects.get()

    assert f"needs review {why}" in listed
    assert f"Last error succeeded: {why}" in desk.read(page("outbox.message", message.id))
    assert "Needs review needs review" in desk.read(page("payments.payment", payment.id))


def test_an_outcome_that_is_unknown_for_a_moment_calls_for_nobody(settings):
    reciting(settings, UNKNOWN)
    a_shop().accepted()
    run_due()
    desk = Desk()

    fresh = desk.read("")
    rows("UPDATE payments_payment SET outcome_unknown_since = now() - interval '5 minutes'")

    assert re.search(r"Payments of unknown outcome 1, the oldest for \d+ s (?!look here)", fresh)
    assert "Payments of unknown outcome 1, the oldest for 5 min look here" in desk.read("")


def test_a_merchants_page_says_what_it_is_owed_and_leads_to_its_payments():
    shop, other = a_shop(), a_shop()
    mine, theirs = shop.sold(12_345), other.sold(700)
    shop.accepted(1_000)
    desk = Desk()

    shown = desk.get(page("core.merchant", shop.merchant.id))
    links = re.findall(r'href="([^"]+)">newest first', shown.content.decode())
    lists = [desk.client.get(link).content.decode() for link in links]

    assert "test 10.00 INR 123.45 INR" in text(shown)
    assert [str(mine.id) in listed for listed in lists] == [True, False]
    assert not [listed for listed in lists if str(theirs.id) in listed]


def test_the_payments_of_a_merchant_are_read_by_their_index():
    shop, desk = a_shop(), Desk()
    payment = shop.sold()

    with CaptureQueriesContext(connections[OPERATOR]) as queries:
        listed = desk.read("payments/payment/", of=f"{shop.merchant.id}:test")

    (sql,) = [one["sql"] for one in queries if "ORDER BY" in one["sql"] and "LIMIT" in one["sql"]]
    with acting_as(OPERATOR):
        rows("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off")
        plan = " ".join(line for (line,) in rows(f"EXPLAIN {sql}"))
    assert str(payment.id) in listed
    assert "payment_of_merchant" in plan
    assert "Sort" not in plan


@pytest.mark.parametrize("of", ["x", "x:test", "01900000-0000-7000-8000-000000000001:test"])
def test_a_merchant_that_there_is_not_narrows_nothing(of):
    payment = a_shop().sold()

    assert str(payment.id) in Desk().read("payments/payment/", of=of)


def test_an_account_says_what_is_on_it():
    shop = a_shop()
    shop.sold(12_345)
    shop.accepted(1_000)
    account = merchant_payable(shop.merchant.id, "INR", "test")

    shown = Desk().get(page("ledger.account", account.id))

    assert "pending 10.00 INR credits less debits" in text(shown)
    assert "posted 123.45 INR credits less debits" in text(shown)
    assert f"/admin/core/merchant/{shop.merchant.id}/change/" in shown.content.decode()


def test_a_provider_event_is_shown_in_lines():
    payment = a_shop().sold()
    told(payment, "charge.succeeded", provider_id="ch_9")
    ((event,),) = rows("SELECT id FROM webhooks_providerevent")

    shown = Desk().get(page("webhooks.providerevent", event)).content.decode()

    assert "&quot;provider_id&quot;: &quot;ch_9&quot;,\n" in shown


def test_the_front_page_says_what_operators_did_last_to_who_may_see_it():
    shop = a_shop()
    press(Desk(), shop.merchant, "suspend", reason="they <b>asked</b>")

    shown = Desk(name="ada").get("")
    other = Desk("core.view_merchant", name="bo").read("")

    assert "merchant.suspended by noor" in text(shown)
    assert "they &lt;b&gt;asked&lt;/b&gt;" in shown.content.decode()
    assert "noor" not in other


def test_an_act_says_what_it_changed():
    shop, desk = a_shop(), Desk()
    press(desk, shop.merchant, "suspend")

    shown = desk.read(page("core.merchant", shop.merchant.id))

    assert "status: active → suspended" in shown
    assert "default_gateway:" not in shown


def test_djangos_own_history_leads_to_ours():
    payment, desk = a_shop().sold(), Desk()

    answer = desk.get(f"payments/payment/{payment.id}/history/")

    assert answer["Location"] == f"/admin/{page('payments.payment', payment.id)}"


def test_what_has_changed_is_refused_before_a_reason_is_written():
    payment, desk = a_shop().accepted(), Desk()
    message = Message.objects.get()
    path = f"outbox/message/{message.id}/act/hold/"
    seen = {"state": "0", "epoch": "0"}

    assert desk.get(path, **seen).status_code == 200
    rows("UPDATE outbox_message SET epoch = 5")
    stale = desk.get(path, **seen)
    run_due()
    done = desk.get(path, **seen)

    payment.refresh_from_db()
    assert payment.status == "SUCCESS"
    assert [stale.status_code, done.status_code] == [409, 409]
    assert "It has changed since you saw it" in text(stale)
    assert "This cannot be done to it as it is now" in text(done)
