"""A group of refunds costs as many statements as a group of few."""

from time import monotonic

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.metrics import MESSAGES_SETTLED
from dispatcher import endings
from dispatcher.routes import ROUTES
from dispatcher.runner import Run
from outbox import delivery
from outbox.handling import CallingHandler
from payments.models import Refund
from tests.money import WORKER, Shop, a_shop, claim_all, counted, drain

pytestmark = pytest.mark.django_db


def refund_many(shop: Shop, many: int) -> int:
    """Have that many refunds of as many payments carried out in one job; count the statements."""
    payments = [shop.accepted(100) for _ in range(many)]
    drain()
    for payment in payments:
        assert shop.refund(payment).status_code == 201
    (job,) = claim_all()
    assert len(job.tickets) == many
    by_id = {ticket.id: ticket for ticket in job.tickets}
    handler = ROUTES["refund"]
    assert isinstance(handler, CallingHandler)
    with CaptureQueriesContext(connection) as queries:
        found = [(by_id[id_], subject) for id_, _, subject in delivery.peek(job.tickets)]
        calls = Run(handler, WORKER, job.lane)._prepared(found)
    spent = len(queries)
    end = monotonic() + 20
    answers = [(message, handler.call(call.request, end)) for message, call, _ in calls]
    with CaptureQueriesContext(connection) as queries:
        endings.settle(handler, answers, end)
    return spent + len(queries)


def test_a_group_of_twenty_refunds_needs_the_statements_of_five() -> None:
    shop = a_shop()
    refund_many(shop, 1)  # from here on the accounts are known
    settled = counted(MESSAGES_SETTLED)

    few, many = refund_many(shop, 5), refund_many(shop, 20)

    assert many == few
    assert set(Refund.objects.values_list("status", flat=True)) == {"SUCCEEDED"}
    assert counted(MESSAGES_SETTLED) - settled == 2 * (5 + 20)
