"""The plain functions of the hot path say what the read serializers say."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from payments.models import Operation, Payment, Refund
from payments.representation import payment_dict, refund_dict, timestamp, to_json
from payments.serializers import PaymentRead, RefundRead
from payments.states import CaptureMethod, RefundStatus, Status

ROOT = Path(__file__).resolve().parents[2]
texts = st.one_of(st.just(""), st.text(max_size=20))
moments = st.integers(0, 4_000_000_000_000_000).map(
    lambda micros: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
)
amounts = st.integers(1, 999_999_999_999)

payments = st.builds(
    Payment,
    id=st.uuids(),
    status=st.sampled_from(list(Status)),
    amount=amounts,
    currency=st.sampled_from(["INR", "JPY", "KWD"]),
    gateway=st.just("mock"),
    capture_method=st.sampled_from(list(CaptureMethod)),
    next_action_url=texts,
    amount_captured=amounts,
    amount_refunded=amounts,
    failure_code=texts,
    failure_message=texts,
    outcome_unknown_since=st.none() | moments,
    needs_review=st.booleans(),
    payment_method=texts,
    reference=texts,
    description=texts,
    metadata=st.dictionaries(texts, texts, max_size=3),
    created_at=moments,
    updated_at=moments,
)
refunds = st.builds(
    Refund,
    id=st.uuids(),
    payment_id=st.uuids(),
    amount=amounts,
    currency=st.just("INR"),
    status=st.sampled_from(list(RefundStatus)),
    failure_code=texts,
    failure_message=texts,
    reason=texts,
    operation=st.builds(Operation, unasked_id=texts),
    created_at=moments,
)


def as_sent(data: object) -> object:
    return json.loads(json.dumps(data, default=str))


@given(payments)
def test_payments_look_the_same_on_both_paths(payment):
    read = PaymentRead(payment).data

    assert json.loads(to_json(payment_dict(payment))) == as_sent(read)
    assert list(payment_dict(payment)) == list(read)


@given(refunds)
def test_refunds_look_the_same_on_both_paths(refund):
    read = RefundRead(refund).data

    assert json.loads(to_json(refund_dict(refund))) == as_sent(read)
    assert list(refund_dict(refund)) == list(read)


def test_a_moment_is_told_in_utc_with_microseconds():
    kolkata = timezone(timedelta(hours=5, minutes=30))

    told = timestamp(datetime(2026, 1, 2, 5, 30, tzinfo=kolkata))

    assert told == "2026-01-02T00:00:00.000000Z"


def test_what_is_private_is_not_shown():
    now = datetime.now(UTC)
    payment = Payment(
        id=uuid4(),
        return_url="https://shop.example/x",
        review_reason="odd",
        created_at=now,
        updated_at=now,
    )

    shown = to_json(payment_dict(payment))

    assert "shop.example" not in shown
    assert "odd" not in shown


def test_status_has_one_writer():
    """By assignment or by SQL, in the rooms that know payments."""
    by_sql = r"UPDATE payments_\w+(?: \w+)?\s+SET status"
    writes = re.compile(rf"^\s+\w+\.status(, \w+\.version)? = |{by_sql}", re.MULTILINE)

    writers = {
        str(path.relative_to(ROOT))
        for room in ("payments", "webhooks", "dispatcher")
        for path in (ROOT / room).glob("*.py")
        if writes.search(path.read_text())
    }

    assert writers == {"payments/changes.py"}
