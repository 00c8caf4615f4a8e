"""A payer who comes back has the provider asked, is sent on, and is believed nothing."""

from uuid import uuid4

import pytest
from django.db import OperationalError

from core.addresses import see_other
from core.db import rows
from gateways.base import Charge, Found, declined, requires_action, succeeded
from outbox.models import Message, State
from payments import returning
from payments.models import Attempt, Event, StatusChange
from payments.pacing import WAITING_SECONDS_MAX
from tests.money import a_client, a_shop, charge_of, drain, hurry, reciting, run_due

pytestmark = pytest.mark.django_db

URL, BACK = "https://pay.test/act", "https://shop.test/thanks?order=7#top"
ASKED = requires_action(URL, "ch_1")
MOVED = succeeded("ch_1", 1_000, "INR")


def comes_back(payment, query="", method="get"):
    return getattr(a_client(), method)(f"/return/{payment.id}/{query}")


def waiting(settings, looks=0, **asked):
    """Return a payment that waits for its payer, of which nobody asks for ten minutes."""
    provider = reciting(settings, ASKED, *[Found(ASKED)] * looks)
    payment = a_shop().accepted(**{"return_url": BACK, **asked})
    for _ in range(looks + 1):
        run_due()
        hurry()
    later()
    payment.refresh_from_db()
    assert payment.status == "REQUIRES_ACTION"
    return payment, provider


def later():
    rows("UPDATE outbox_message SET available_at = now() + '10 minutes' WHERE state = 0")


def wait_of(payment):
    """Return in how many seconds the provider is asked next."""
    sql = """
        SELECT extract(epoch FROM available_at - now()) FROM outbox_message
        WHERE subject_id = %s AND state = 0
    """
    ((seconds,),) = rows(sql, [charge_of(payment).id])
    return round(float(seconds))


def spacing_of(payment):
    """Return how many seconds after the last time the provider is asked next."""
    sql = """
        SELECT extract(epoch FROM m.available_at - max(a.intended_at))
        FROM outbox_message m JOIN payments_attempt a ON a.operation_id = m.subject_id
        WHERE m.subject_id = %s AND m.state = 0 GROUP BY m.id
    """
    ((seconds,),) = rows(sql, [charge_of(payment).id])
    return round(float(seconds))


def test_a_payer_is_sent_on_to_the_merchant_and_the_provider_is_asked_soon(settings):
    payment, provider = waiting(settings)

    answer = comes_back(payment, "?charge=ch_1&status=captured")

    assert answer.status_code == 303
    assert answer["Location"] == f"https://shop.test/thanks?order=7&payment={payment.id}#top"
    assert "no-store" in answer["Cache-Control"]
    assert spacing_of(payment) == 2
    provider.answers = [Found(MOVED)]
    hurry()
    run_due()
    payment.refresh_from_db()
    assert payment.status == "SUCCESS"


def test_that_a_payer_came_back_says_nothing(settings):
    payment, provider = waiting(settings)
    before = StatusChange.objects.count(), Event.objects.count(), Attempt.objects.count()

    comes_back(payment, "?status=captured&code=action_expired")

    payment.refresh_from_db()
    assert (payment.status, payment.next_action_url) == ("REQUIRES_ACTION", URL)
    assert before == (StatusChange.objects.count(), Event.objects.count(), Attempt.objects.count())
    assert charge_of(payment).returned_at is not None
    provider.answers = [Found(declined("action_refused", provider_id="ch_1"))]
    hurry()
    run_due()
    payment.refresh_from_db()
    assert payment.status == "FAILED"


@pytest.mark.parametrize(
    "query",
    [
        "?return_url=https://evil.test/",
        "?next=//evil.test&url=https://evil.test",
        "?payment=00000000-0000-0000-0000-000000000000",
        "?card=4111111111111111&pan=4111-1111-1111-1111",
        "?x=%0d%0aLocation:%20https://evil.test",
        "?" + "a=b&" * 1_000,
    ],
)
def test_nobody_is_sent_anywhere_but_where_the_merchant_said(settings, query):
    payment, _ = waiting(settings)

    answer = comes_back(payment, query)

    assert answer["Location"] == f"https://shop.test/thanks?order=7&payment={payment.id}#top"


def test_an_address_that_is_none_is_not_gone_to():
    for address in ("javascript:alert(1)", "//evil.test", "", "https://a@evil.test"):
        with pytest.raises(ValueError, match="web addresses"):
            see_other(address)


def test_without_a_way_back_there_is_a_page_and_the_provider_is_asked_all_the_same(settings):
    provider = reciting(settings, ASKED)
    payment = a_shop().accepted()
    run_due()
    later()

    answer = comes_back(payment)

    assert answer.status_code == 200
    assert b"close this window" in answer.content
    assert spacing_of(payment) == 2
    (charge,) = provider.requests
    assert isinstance(charge, Charge)
    assert charge.return_url.endswith(f"/return/{payment.id}/")


def test_the_page_of_a_payment_that_there_is_not_is_no_other(settings):
    provider = reciting(settings, ASKED)
    payment = a_shop().accepted()
    run_due()

    there, nowhere = comes_back(payment), a_client().get(f"/return/{uuid4()}/")

    assert (nowhere.status_code, nowhere.content) == (there.status_code, there.content)
    assert len(provider.requests) == 1


@pytest.mark.parametrize("path", ["/return/", "/return/x/", "/return/1/", "/return//"])
def test_what_names_no_payment_is_not_found(path):
    assert a_client().get(path).status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_a_payer_only_looks(settings, method):
    payment, _ = waiting(settings)

    assert comes_back(payment, method=method).status_code == 405
    assert wait_of(payment) == 600


def test_no_key_is_needed_and_a_wrong_one_is_not_read(settings):
    payment, _ = waiting(settings)

    answer = a_client().get(f"/return/{payment.id}/", headers={"X-API-KEY": "wrong"})

    assert answer.status_code == 303


@pytest.mark.parametrize("said", [MOVED, declined("expired")])
def test_a_payer_of_a_payment_that_is_over_is_only_sent_on(settings, said):
    provider = reciting(settings, said)
    payment = a_shop().accepted(return_url=BACK)
    drain()

    assert comes_back(payment).status_code == 303

    assert Message.objects.filter(subject_id=charge_of(payment).id).count() == 1
    assert charge_of(payment).returned_at is None
    assert len(provider.requests) == 1


def test_a_payer_of_a_payment_that_nobody_sent_yet_is_only_sent_on(settings):
    reciting(settings, ASKED)
    payment = a_shop().accepted(return_url=BACK)
    later()

    assert comes_back(payment).status_code == 303

    assert wait_of(payment) == 600
    assert charge_of(payment).returned_at is None


def test_whoever_comes_again_and_again_changes_nothing_more(settings, monkeypatch):
    payment, _ = waiting(settings)
    comes_back(payment)
    first = charge_of(payment).returned_at, wait_of(payment)
    locked = []
    monkeypatch.setattr(returning, "transaction", lambda: locked.append(1))

    for _ in range(5):
        assert comes_back(payment).status_code == 303

    # It is seen without a lock that there is nothing to do.
    assert locked == []
    assert (charge_of(payment).returned_at, wait_of(payment)) == first
    assert Message.objects.filter(subject_id=charge_of(payment).id).count() == 1


def test_the_more_often_a_provider_was_asked_the_later_it_is_asked_again(settings):
    payment, _ = waiting(settings, looks=4)
    comes_back(payment)
    assert spacing_of(payment) == 5
    later()

    comes_back(payment)

    assert spacing_of(payment) == 5
    assert returning.SPACING_MAX.total_seconds() < WAITING_SECONDS_MAX


def test_when_the_payer_has_come_back_the_pauses_begin_anew(settings):
    payment, provider = waiting(settings, looks=6)
    provider.answers = [Found(ASKED)]
    hurry()
    run_due()
    before = wait_of(payment)

    comes_back(payment)
    hurry()
    run_due()

    assert before > 60
    assert spacing_of(payment) <= 2


def test_a_message_that_runs_alone_or_is_held_is_left_alone(settings):
    payment, _ = waiting(settings)
    rows("UPDATE outbox_message SET alone = true")

    comes_back(payment)

    assert wait_of(payment) == 600
    rows("UPDATE outbox_message SET alone = false, state = %s", [State.HELD])
    assert comes_back(payment).status_code == 303
    assert list(Message.objects.values_list("state", flat=True)) == [State.HELD]


def test_a_payer_goes_on_although_the_database_is_in_the_way(settings, monkeypatch, lines):
    payment, _ = waiting(settings)

    def busy(payment_id):
        raise OperationalError

    monkeypatch.setattr(returning, "_hasten", busy)

    assert comes_back(payment).status_code == 303
    assert "payer.not_noted" in lines.getvalue()


def test_nothing_that_came_along_is_logged(settings, lines):
    payment, _ = waiting(settings)

    comes_back(payment, "?token=ABRACADABRA")

    said = lines.getvalue()
    assert str(payment.id) in said
    assert "ABRACADABRA" not in said
    assert "shop.test" not in said
    assert "pay.test" not in said
