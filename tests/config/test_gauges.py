"""The gauges at /metrics that are read from the database when the page is."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from core.db import rows
from gateways import base
from outbox import sampling as of_outbox
from payments import sampling as of_payments
from tests.conftest import Database
from tests.money import a_shop, claim_all, owning, reciting, run_due
from webhooks import sampling as of_webhooks

DONE_ROWS = 50_000
LANE = "charge:mock_success"

MANY_DONE = f"""
    INSERT INTO outbox_message (id, kind, version, lane, subject_id, state, epoch, alone, worker,
        starts, failures, lost, max_attempts, last_error, trace, finished_at)
    SELECT gen_random_uuid(), 'charge', 1, '{LANE}', gen_random_uuid(), 8, 1, false, 'w', 1, 0, 0,
           25, '', '', now()
    FROM generate_series(1, {DONE_ROWS})
"""
MANY_SETTLED = f"""
    INSERT INTO payments_payment (id, merchant_id, mode, status, amount, currency, gateway,
        payment_method, return_url, reference, description, metadata, amount_captured,
        amount_refund_held, amount_overdrawn, amount_refunded, failure_code, failure_message,
        needs_review, review_reason, version)
    SELECT gen_random_uuid(), id, 'test', 'CREATED', 1, 'INR', 'mock_success', '', '', '', '',
           '{{}}', 0, 0, 0, 0, '', '', false, '', 1
    FROM core_merchant, generate_series(1, {DONE_ROWS})
"""
MANY_REFUNDS = f"""
    INSERT INTO payments_refund (id, payment_id, merchant_id, mode, amount, currency, status,
        reason, is_rest, failure_code, failure_message, version)
    SELECT gen_random_uuid(), p.id, p.merchant_id, 'test', 1, 'INR', 'PENDING', '', false,
           '', '', 1
    FROM (SELECT * FROM payments_payment LIMIT {DONE_ROWS // 10}) p
"""
MANY_EVENTS = f"""
    INSERT INTO webhooks_providerevent (id, gateway, content_sha256, event_id, kind, outcome,
        reference, provider_id, currency, code, detail, content, applied_at, parked_reason)
    SELECT gen_random_uuid(), 'mock', gen_random_uuid(), '', 'charge', 'succeeded', '', '', '', '',
           '', '{{}}', now(), ''
    FROM generate_series(1, {DONE_ROWS})
"""
STATEMENTS = [*of_outbox.STATEMENTS, *of_payments.STATEMENTS, *of_webhooks.STATEMENTS]


def page() -> dict[tuple[str, ...], float]:
    """Return the samples of the page by name and label values, labels by name."""
    text = Client().get("/metrics").content.decode()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def plan_nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from plan_nodes(part)


class TestValues:
    def test_an_empty_outbox_shows_zeros(self, committed_db: Database) -> None:
        found = page()

        for state in ("pending", "in_flight", "held", "dead"):
            assert found["pay_messages", "", state] == 0
        assert found["pay_oldest_pending_seconds", ""] == 0
        assert found["pay_payments_needs_review",] == 0
        assert found["pay_outcome_unknown", "payment"] == 0
        assert found["pay_provider_events_parked",] == 0
        assert found["pay_ledger_tail_transactions",] == 0
        assert found["pay_ledger_rollup_lag_seconds",] == 0
        assert found["pay_events_unnumbered_seconds",] == 0

    def test_messages_are_counted_by_state_and_lane(self, committed_db: Database) -> None:
        shop = a_shop()
        for _ in range(3):
            shop.accepted()
        claim_all()
        rows(
            "UPDATE outbox_message SET state = 9, lease_until = NULL, job = NULL,"
            " finished_at = now() WHERE id = (SELECT id FROM outbox_message LIMIT 1)"
        )
        for _ in range(2):
            shop.accepted()

        found = page()

        assert found["pay_messages", LANE, "pending"] == 2
        assert found["pay_messages", LANE, "in_flight"] == 2
        assert found["pay_messages", LANE, "dead"] == 1
        assert found["pay_messages", LANE, "held"] == 0
        assert found["pay_in_flight_unstarted", LANE] == 2

    def test_the_oldest_is_the_longest_due(self, committed_db: Database) -> None:
        shop = a_shop()
        for seconds in (90, 30, -600):
            payment = shop.accepted()
            rows(
                "UPDATE outbox_message SET available_at = now() - %s * interval '1 second' WHERE"
                " subject_id = (SELECT id FROM payments_operation WHERE payment_id = %s)",
                [seconds, payment.id],
            )

        age = page()["pay_oldest_pending_seconds", LANE]

        assert 90 <= age < 120

    def test_a_retry_that_waits_is_not_late(self, committed_db: Database) -> None:
        a_shop().accepted()
        rows("UPDATE outbox_message SET available_at = now() + interval '1 hour'")

        assert page()["pay_oldest_pending_seconds", LANE] == 0

    def test_doubt_and_review_are_counted(self, committed_db: Database, settings: Any) -> None:
        reciting(settings, base.unknown("answer_lost"))
        payment = a_shop().accepted()
        run_due()
        rows("UPDATE payments_payment SET needs_review = true, review_reason = 'look'")

        found = page()

        assert found["pay_outcome_unknown", "payment"] == 1
        assert found["pay_outcome_unknown", "refund"] == 0
        assert found["pay_payments_needs_review",] == 1
        assert payment.outcome_unknown_since is None


class TestCost:
    def test_rows_that_are_over_are_never_read(self, committed_db: Database, subtests: Any) -> None:
        a_shop().accepted()
        with owning(committed_db) as cursor:
            for sql in (MANY_DONE, MANY_SETTLED, MANY_REFUNDS, MANY_EVENTS):
                cursor.execute(sql)
            cursor.execute("ANALYZE outbox_message, payments_payment")
            cursor.execute("ANALYZE payments_refund, webhooks_providerevent")

        for sql in STATEMENTS:
            ((explained,),) = rows(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}")
            plan = (explained if isinstance(explained, list) else json.loads(explained))[0]["Plan"]
            nodes = list(plan_nodes(plan))
            assert "Seq Scan" not in {node["Node Type"] for node in nodes}, sql
            assert any(node.get("Index Name") for node in nodes), sql
            assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 50, sql


class TestDeadDatabase:
    def test_the_page_stands_without_it(
        self, committed_db: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failures = ("pay_sampler_failures_total", "outbox.sampling.outbox")
        before = page().get(failures, 0)
        connections.close_all()
        monkeypatch.setitem(connections.settings["default"], "PORT", "1")

        answer = Client().get("/metrics")

        monkeypatch.undo()
        connections.close_all()
        assert answer.status_code == 200
        assert b"pay_requests_total" in answer.content
        assert b"pay_messages{" not in answer.content
        assert page()[failures] == before + 1
