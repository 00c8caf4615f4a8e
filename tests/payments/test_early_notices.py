"""A provider may speak of a payment before we have asked it anything."""

from typing import Any

from dispatcher import runner
from gateways import base
from tests.config.day import tell
from tests.conftest import Database
from tests.money import a_shop, charge_of, claim_all, reciting


def test_a_payment_that_was_sent_is_not_shown_as_created(
    committed_db: Database, settings: Any
) -> None:
    payment = a_shop().accepted(600)
    members: dict[str, Any] = {"type": "charge.succeeded", "provider_id": "ch_1", "amount": 601}
    tell("mock_success", reference=str(payment.id), **members)
    apply_first = sorted(claim_all(), key=lambda job: job.lane)

    reciting(settings, base.unknown("answer_lost"))
    for job in apply_first:
        runner.run(job.lane, job.tickets, "w")

    payment.refresh_from_db()
    assert charge_of(payment).attempts.count() == 1
    assert payment.status == "PROCESSING"
    assert payment.needs_review
