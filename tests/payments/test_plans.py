"""What looks for open ends reads bounded ranges of indexes, however many payments are done."""

import pytest

from core.db import rows
from payments import sampling
from payments.rechecking import _TAKE_DUE
from tests.money import a_shop
from webhooks.models import ProviderEvent

pytestmark = pytest.mark.django_db

_PAYMENTS = """
    INSERT INTO payments_payment (id, merchant_id, mode, status, amount, currency, gateway,
        payment_method, return_url, reference, description, metadata, amount_captured,
        amount_refund_held, amount_overdrawn, amount_refunded, failure_code, failure_message,
        needs_review, review_reason, version)
    SELECT gen_random_uuid(), %s, 'test', 'CREATED', 1000, 'INR', 'mock', '', '', '', '', '{}', 0,
           0, 0, 0, '', '', false, '', 1
    FROM generate_series(1, 20000)
"""
_OPERATIONS = """
    INSERT INTO payments_operation (id, payment_id, kind, gateway, amount, currency, state,
        provider_id, settled_at)
    SELECT gen_random_uuid(), id, 'charge', 'mock', 1000, 'INR', 'failed', 'ch', now()
    FROM payments_payment
"""
_EVENTS = """
    INSERT INTO webhooks_providerevent (id, gateway, content_sha256, event_id, kind, outcome,
        reference, provider_id, currency, code, detail, content, parked_reason, applied_at)
    SELECT gen_random_uuid(), 'mock', n, n, 'charge', 'succeeded', '', '', '', '', '', '', '', now()
    FROM generate_series(1, 20000) n
"""
_OPEN_ONES = """
    UPDATE payments_operation SET recheck_at = now() WHERE id IN
        (SELECT id FROM payments_operation LIMIT 3);
    UPDATE payments_payment SET needs_review = true, review_reason = 'x',
        outcome_unknown_since = now() WHERE id IN (SELECT id FROM payments_payment LIMIT 3);
"""


@pytest.fixture(autouse=True)
def _twenty_thousand_done():
    rows(_PAYMENTS, [a_shop().merchant.id])
    rows(_OPERATIONS)
    rows(_EVENTS)
    rows(_OPEN_ONES)
    # The serving role may not ANALYZE; what is asked is whether there is a range to read at all.
    rows("SET LOCAL enable_seqscan = off")


def plan(sql: str, *params: object, **named: object) -> str:
    return "\n".join(line for (line,) in rows(f"EXPLAIN {sql}", named or list(params)))


def test_a_recheck_reads_what_is_due():
    text = plan(_TAKE_DUE, every="1 day", window="7 days", limit=100)

    assert "operation_to_recheck" in text
    assert "Seq Scan" not in text


READS = {
    sampling._NEEDS_REVIEW: "payment_needs_review",
    sampling.UNKNOWN_PAYMENTS: "payments_payment_unknown_outcome",
    sampling.UNKNOWN_REFUNDS: "payments_refund_unknown_outcome",
}


@pytest.mark.parametrize(("sql", "index"), READS.items(), ids=READS.values())
def test_a_gauge_reads_what_is_open(sql, index):
    assert index in plan(sql)


@pytest.mark.parametrize("table", ["attempt", "notice", "seen"])
def test_what_is_known_of_an_operation_is_read_by_its_index(table):
    known = "SELECT id FROM payments_operation LIMIT 1"

    text = plan(f"SELECT 1 FROM payments_{table} WHERE operation_id = ({known})")

    assert f"payments_{table}_operation_id" in text


def test_an_operation_is_found_by_any_name_of_ours():
    name = "'00000000-0000-7000-8000-000000000001'"

    text = plan(
        "SELECT 1 FROM payments_operation"
        f" WHERE id = {name} OR refund_id = {name} OR payment_id = {name}"
    )

    assert "Seq Scan" not in text


def test_an_inquiry_is_hastened_by_its_subject():
    rows(
        "INSERT INTO outbox_message (id, kind, version, lane, subject_id, state, epoch, alone,"
        " worker, starts, failures, lost, max_attempts, last_error, trace, finished_at)"
        " SELECT gen_random_uuid(), 'inquire', 1, 'inquire:mock', gen_random_uuid(), 8, 1, false,"
        " 'w', 1, 0, 0, 25, '', '', now() FROM generate_series(1, 20000)"
    )

    text = plan(
        "UPDATE outbox_message SET available_at = now() WHERE subject_id = gen_random_uuid()"
        " AND state = 0 AND NOT alone AND available_at > now()"
    )

    assert "Seq Scan on outbox_message" not in text


def test_a_parked_event_is_found_among_the_applied():
    parked = ProviderEvent.objects.filter(parked_at__isnull=False, closed_at=None).order_by("id")

    assert "provider_event_parked" in parked.explain()


_ID = "'00000000-0000-7000-8000-000000000001'"
DISPUTES = {
    "payments_dispute_payment_id": f"payments_dispute WHERE payment_id = {_ID}",
    "payments_disputefact_dispute_id": f"payments_disputefact WHERE dispute_id = {_ID}",
    "dispute_once": "payments_dispute WHERE gateway IN ('mock') AND provider_id IN ('a', 'b')",
    "dispute_of_merchant": f"payments_dispute WHERE merchant_id = {_ID} AND mode = 'test'"
    f" AND id < {_ID} ORDER BY id DESC LIMIT 21",
    "dispute_by_status": f"payments_dispute WHERE merchant_id = {_ID} AND mode = 'test'"
    f" AND status = 'OPEN' AND id < {_ID} ORDER BY id DESC LIMIT 21",
}


@pytest.mark.parametrize(("index", "read"), DISPUTES.items(), ids=DISPUTES)
def test_disputes_are_read_by_their_indexes(index, read):
    text = plan(f"SELECT 1 FROM {read}")

    assert index in text
    assert "Seq Scan" not in text
    assert "Sort" not in text
