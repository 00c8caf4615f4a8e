"""Whatever is asked and whatever comes of it, in whatever order: refunds and books agree."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gateways.base import pending
from payments.models import Payment, Refund
from tests.money import Shop, a_shop, drain, net, reciting, told
from tests.payments.promises import broken

# Each step commits: one transaction around them all would outlive transaction_timeout.
pytestmark = pytest.mark.usefixtures("committed_db")

CAPTURED = 1_000
# None is the rest.
ASK = st.tuples(st.just("ask"), st.sampled_from([None, 1, 300, 500, 800, 1_000]))
HEAR = st.tuples(st.sampled_from(["failed", "succeeded"]), st.integers(0, 3))
# Half of what is asked is to fail at once, or nothing could ever be overdrawn.
steps = st.lists(st.one_of(ASK, HEAR), min_size=4, max_size=9)
OVERDRAWN = [("ask", 800), ("failed", 0), ("ask", 500), ("succeeded", 0)]


def take(shop: Shop, payment: Payment, step: tuple[str, Any], number: int) -> None:
    """Ask for a refund, or have the provider tell of one."""
    what, which = step
    if what == "ask":
        asked = {} if which is None else {"amount": which}
        shop.refund(payment, key=f"k{number}", **asked)
    else:
        known = list(payment.refunds.order_by("id"))
        if not known:
            return
        one: Refund = known[which % len(known)]
        provider_id = f"re_{one.id.hex}"
        told(
            payment,
            f"refund.{what}",
            reference=one.id,
            provider_id=provider_id,
            amount=one.amount,
        )
    drain()


def expected(payment: Payment) -> dict[str, int]:
    """Return what the refunds alone say the payment's amounts and accounts must be."""
    sums = dict.fromkeys(("PENDING", "SUCCEEDED", "FAILED"), 0)
    for one in payment.refunds.all():
        sums[one.status] += one.amount
    live = sums["PENDING"] + sums["SUCCEEDED"]
    held = min(live, CAPTURED)
    return {
        "held": held,
        "overdrawn": live - held,
        "refunded": sums["SUCCEEDED"],
        "gateway_receivable": CAPTURED - sums["SUCCEEDED"],
        "merchant_payable": held - CAPTURED,
        "refunds_clearing": -sums["PENDING"],
        "customer_suspense": live - held,
    }


def actual(payment: Payment) -> dict[str, int]:
    payment.refresh_from_db()
    books = net(payment)
    accounts = ("gateway_receivable", "merchant_payable", "refunds_clearing", "customer_suspense")
    return {
        "held": payment.amount_refund_held,
        "overdrawn": payment.amount_overdrawn,
        "refunded": payment.amount_refunded,
        **{code: books.get(("posted", code), 0) for code in accounts},
    }


def lived(settings: Any, taken: list[tuple[str, Any]]) -> Iterator[Payment]:
    shop = a_shop()
    payment = shop.sold(CAPTURED)
    reciting(settings, pending())
    for number, step in enumerate(taken):
        take(shop, payment, step, number)
        yield payment


@hypothesis_settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(taken=steps.map(lambda more: OVERDRAWN[: len(more) % 5] + more))
def test_refunds_and_books_agree_after_each_step(settings: Any, taken: list[Any]) -> None:
    gateways = settings.GATEWAYS
    for payment in lived(settings, taken):
        assert actual(payment) == expected(payment)
        assert broken() == []
    settings.GATEWAYS = gateways
