"""What the database itself refuses of provider events."""

from typing import Any

import pytest
from psycopg2 import errors

from tests.payments.planting import insert


def event(**columns: Any) -> dict[str, Any]:
    return {
        "gateway": "mock",
        "content_sha256": "0" * 64,
        "event_id": "evt_1",
        "kind": "charge",
        "outcome": "succeeded",
        "reference": "",
        "provider_id": "",
        "currency": "",
        "code": "",
        "detail": "",
        "content": "{}",
        "parked_reason": "",
        **columns,
    }


def test_content_is_stored_once_a_gateway(owner):
    insert(owner, "webhooks_providerevent", **event())
    insert(owner, "webhooks_providerevent", **event(gateway="mock_success"))

    with pytest.raises(errors.UniqueViolation, match="provider_event_content_once"):
        insert(owner, "webhooks_providerevent", **event())


BROKEN = {
    "parked without a reason": ({"parked_at": "2026-01-01"}, "provider_event_parked_has_reason"),
    "a reason without being parked": (
        {"parked_reason": "x"}, "provider_event_parked_has_reason"),
    "applied and parked": (
        {"parked_at": "2026-01-01", "parked_reason": "x", "applied_at": "2026-01-01"},
        "provider_event_applied_or_parked"),
    "closed without being parked": (
        {"closed_at": "2026-01-01"}, "provider_event_closed_was_parked"),
}  # fmt: skip


@pytest.mark.parametrize(("columns", "constraint"), BROKEN.values(), ids=BROKEN)
def test_no_event_is(owner, columns, constraint):
    with pytest.raises(errors.CheckViolation, match=constraint):
        insert(owner, "webhooks_providerevent", **event(**columns))
