"""Money that a provider moved more often than we asked for: suspense has it, and a person looks."""

from itertools import permutations

import pytest

from core.db import rows
from gateways.base import succeeded
from ledger import accounts, books
from ledger.books import Layer
from payments.bookkeeping import surplus_id
from payments.facts import Said
from payments.models import Event, Payment, Refund
from payments.surplus_invariants import INVARIANTS
from tests.money import a_shop, begin, drain, finish, reciting, told, took
from tests.payments.promises import broken

pytestmark = pytest.mark.django_db


def suspense() -> int:
    return books.balance(accounts.customer_suspense("INR", "test"), Layer.POSTED)


def owed_by(gateway: str) -> int:
    return books.balance(accounts.gateway_receivable(gateway, "INR", "test"), Layer.POSTED)


def owed_to(payment: Payment) -> int:
    payable = accounts.merchant_payable(payment.merchant_id, "INR", "test")
    return books.balance(payable, Layer.POSTED)


def news() -> list[str]:
    return list(Event.objects.filter(type__endswith="_again").values_list("type", flat=True))


def wrong() -> list[str]:
    """Return what is broken, at rest."""
    return [*broken(), *(one.name for one in INVARIANTS if rows(one.sql))]


def charged_again(payment: Payment, *provider_ids: str) -> None:
    for provider_id in provider_ids:
        told(payment, "charge.succeeded", provider_id=provider_id)
        drain()
    payment.refresh_from_db()


def test_a_second_capture_is_held_in_suspense_and_told_once():
    payment = a_shop().sold(1_000)

    charged_again(payment, "ch_other", "ch_other")

    assert (suspense(), owed_by(payment.gateway), owed_to(payment)) == (1_000, 2_000, 1_000)
    assert (payment.status, payment.amount_captured) == ("SUCCESS", 1_000)
    assert payment.needs_review
    assert news() == ["payment.captured_again"]
    assert wrong() == []


def test_a_third_capture_is_held_besides():
    payment = a_shop().sold(1_000)

    charged_again(payment, "ch_other", "ch_third", "ch_other")

    assert (suspense(), owed_by(payment.gateway), owed_to(payment)) == (2_000, 3_000, 1_000)
    assert news() == ["payment.captured_again"] * 2
    assert wrong() == []


def test_several_told_in_one_go_are_booked_each_once():
    payment = a_shop().sold(1_000)
    for provider_id in ("ch_other", "ch_other", "ch_third"):
        told(payment, "charge.succeeded", provider_id=provider_id)

    drain()

    assert (suspense(), len(news())) == (2_000, 2)
    assert wrong() == []


def test_a_refund_paid_twice_is_owed_by_suspense(settings):
    reciting(settings, succeeded("ch_1", 1_000, "INR"), succeeded("re_1", 400, "INR"))
    shop = a_shop()
    payment = shop.sold(1_000)
    refund = Refund.objects.get(id=shop.refund(payment, key="part", amount=400).json()["id"])
    drain()

    told(payment, "refund.succeeded", reference=refund.id, provider_id="re_other", amount=400)
    drain()

    payment.refresh_from_db()
    assert (suspense(), owed_by(payment.gateway), owed_to(payment)) == (-400, 200, 600)
    assert (payment.amount_refunded, payment.needs_review) == (400, True)
    assert news() == ["refund.succeeded_again"]
    assert wrong() == []


def test_other_money_is_never_posted_not_even_to_suspense():
    payment = a_shop().sold(1_000)

    told(payment, "charge.succeeded", provider_id="ch_other", amount=1_001)
    drain()

    assert (suspense(), owed_by(payment.gateway), news()) == (0, 1_000, [])
    assert wrong() == []


@pytest.mark.parametrize("order", [*permutations(["answer", "ch_2", "ch_3"])])
def test_in_any_order_the_books_are_the_same(settings, order):
    reciting(settings)
    payment = a_shop().accepted()
    message, question = begin(payment)

    for step in order:
        if step == "answer":
            finish(message, Said.SUCCEEDED, question, **took(payment))
        else:
            told(payment, "charge.succeeded", provider_id=step)
        drain()

    assert (suspense(), owed_by(payment.gateway), owed_to(payment)) == (2_000, 3_000, 1_000)
    assert wrong() == []


def test_the_id_of_a_surplus_is_what_the_database_computes():
    payment = a_shop().sold(1_000)

    (found,) = rows("SELECT md5(%s::uuid::text || '|' || %s)::uuid", [payment.id, "ch_ü"])

    assert found[0] == surplus_id(payment.id, "ch_ü")
