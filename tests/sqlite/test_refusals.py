"""What nobody may write on PostgreSQL, nobody may write on SQLite, in plain SQL either."""

import sqlite3
from typing import Any

import pytest

from core.own_invariants import GUARDS as OF_CORE
from core.refusals import all_refusals
from outbox.invariants import GUARDS as OF_OUTBOX
from payments.invariants import GUARDS as OF_PAYMENTS
from tests.sqlite.files import Files, manage
from tests.sqlite.planting import OTHER, PAYMENT, ROWS, plant, plant_parents
from webhooks.delivery_invariants import GUARDS as OF_WEBHOOKS

APPEND_ONLY = [
    *("ledger_account", "ledger_transaction", "ledger_transfer", "outbox_lapse"),
    *("core_auditentry", "payments_notice", "payments_statuschange", "payments_event"),
    *("payments_seen", "payments_disputefact", "webhooks_body"),
]
OVER = {"state": 8, "finished_at": "2026-01-01 00:00:00"}
ANSWERED = {"answered_at": "2026-01-01 00:00:00", "outcome": "unknown"}
SETTLED = {"state": "succeeded", "settled_at": "2026-01-01 00:00:00"}
# Table, what is there, what is done to it, and what is said to that.
WRITES: list[tuple[str, dict[str, Any], str, str]] = [
    *(
        (table, {}, write, "is append-only")
        for table in APPEND_ONLY
        for write in ("UPDATE {} SET id = id", "DELETE FROM {}")
    ),
    *(
        ("payments_eventnumber", {}, write, "is append-only")
        for write in ("UPDATE {} SET number = 2", "DELETE FROM {}")
    ),
    *(
        (f"payments_{what}", {}, "DELETE FROM {}", f"{what}s are never deleted")
        for what in ("payment", "refund", "operation", "attempt", "dispute")
    ),
    ("core_merchant", {}, "UPDATE {} SET status = 'active'", "a closed merchant stays closed"),
    ("core_merchant", {}, "DELETE FROM {}", "a merchant is never deleted"),
    (
        *("core_apikey", {"revoked_at": "2026-01-01"}),
        "UPDATE {} SET revoked_at = NULL",
        "a revoked key stays revoked",
    ),
    ("core_apikey", {}, "UPDATE {} SET mode = 'live'", "whose key it is never changes"),
    ("core_apikey", {}, "DELETE FROM {}", "a key is never deleted"),
    ("core_idempotencyrecord", {}, "UPDATE {} SET body = 'b'", "a stored answer never changes"),
    (
        "outbox_message",
        OVER,
        "UPDATE {} SET state = 0, finished_at = NULL",
        "a done message is over",
    ),
    ("outbox_message", {}, "UPDATE {} SET epoch = 0", "an epoch never goes back"),
    (
        *("outbox_message", {}),
        "UPDATE {} SET state = 1, lease_until = 'x', job = 'x'",
        "a claim raises the epoch",
    ),
    ("outbox_message", {}, "DELETE FROM {}", "only a done message may be deleted"),
    ("payments_payment", {}, "UPDATE {} SET status = 'SUCCESS', version = 2", "has no such move"),
    ("payments_payment", {}, "UPDATE {} SET status = 'PROCESSING'", "the version counts"),
    ("payments_payment", {}, "UPDATE {} SET amount = 2", "the terms of a payment never change"),
    ("payments_payment", {}, "UPDATE {} SET created_at = '2000-01-01'", "the terms of a payment"),
    ("payments_refund", {}, "UPDATE {} SET status = 'REFUNDED', version = 2", "has no such move"),
    ("payments_refund", {}, "UPDATE {} SET version = 2", "the version counts"),
    ("payments_refund", {}, "UPDATE {} SET amount = 2", "the terms of a refund never change"),
    ("payments_dispute", {}, "UPDATE {} SET status = 'OVER', version = 2", "has no such move"),
    ("payments_dispute", {}, "UPDATE {} SET version = 2", "the version counts"),
    ("payments_dispute", {}, "UPDATE {} SET amount = 2", "the terms of a dispute never change"),
    ("payments_dispute", {"fee": 1}, "UPDATE {} SET fee = NULL", "the terms of a dispute"),
    ("payments_dispute", {"reason": "r"}, "UPDATE {} SET reason = ''", "the terms of a dispute"),
    ("payments_operation", SETTLED, "UPDATE {} SET state = 'failed'", "has no such move"),
    ("payments_operation", {}, "UPDATE {} SET gateway = 'g'", "the terms of an operation"),
    (
        *("payments_operation", {"first_sent_at": "2026-01-01"}),
        "UPDATE {} SET first_sent_at = '2026-01-02'",
        "the terms of an operation",
    ),
    (
        *("payments_operation", {"returned_at": "2026-01-01", "first_sent_at": "2026-01-01"}),
        "UPDATE {} SET returned_at = '2026-01-02'",
        "the terms of an operation",
    ),
    ("payments_attempt", ANSWERED, "UPDATE {} SET outcome = 'succeeded'", "an answer is a fact"),
    ("webhooks_providerevent", {}, "UPDATE {} SET outcome = 'o'", "said never changes"),
    ("webhooks_providerevent", {}, "DELETE FROM {}", "a provider event is never deleted"),
    *(
        (f"webhooks_{what}", {}, "DELETE FROM {}", f"{what} keeps its rows")
        for what in ("endpoint", "delivery", "deliveryattempt")
    ),
    ("webhooks_endpoint", {}, "UPDATE {} SET mode = 'live'", "whose endpoint it is"),
    (
        *("webhooks_endpoint", {"deleted_at": "2026-01-01"}),
        "UPDATE {} SET deleted_at = NULL",
        "a deleted endpoint stays deleted",
    ),
    ("webhooks_endpoint", {}, "UPDATE {} SET version = 2", "the version counts"),
    ("webhooks_endpointsecret", {}, "UPDATE {} SET endpoint_id = 'x'", "belongs to one endpoint"),
    (
        *("webhooks_endpointsecret", {"expires_at": "2026-01-01"}),
        "UPDATE {} SET expires_at = NULL",
        "belongs to one endpoint",
    ),
    ("webhooks_delivery", {}, "UPDATE {} SET event_id = 'x'", "never changes"),
    (
        "webhooks_deliveryattempt",
        {"answered_at": "2026-01-01 00:00:00", "result": "refused", "status_code": 500},
        "UPDATE {} SET status_code = 200",
        "an answer is a fact",
    ),
]
# Writes a value instead of refusing one, or needs transaction ids.
ELSEWHERE = {
    *("core_auditentry_stamped", "payments_event_stamped"),
    *("payments_numbering_goes_forward", "payments_numbering_kept"),
}
INSERTS = [
    ("payments_payment", {"status": "PROCESSING"}, "a payment starts as CREATED"),
    ("payments_payment", {"version": 2}, "a payment starts as CREATED"),
    ("payments_eventnumber", {"number": 2}, "events are numbered one by one"),
    ("payments_refund", {"status": "SUCCEEDED"}, "a refund starts as PENDING"),
    ("payments_refund", {"currency": "USD"}, "a refund has the merchant, mode and currency"),
    ("payments_dispute", {"status": "WON", "decided_at": "x"}, "a dispute starts as OPEN"),
    ("payments_dispute", {"currency": "USD"}, "a dispute fits its payment"),
    ("payments_dispute", {"amount": 2}, "a dispute fits its payment"),
    ("payments_disputefact", {"amount": 2}, "names its amount and currency"),
    ("webhooks_delivery", {"event_id": OTHER}, "its own merchant and mode only"),
]


@pytest.mark.parametrize(("table", "there", "write", "said"), WRITES)
def test_a_write_is_refused(connection, table, there, write, said):
    plant_parents(connection, table)
    plant(connection, table, **there)

    with pytest.raises(sqlite3.IntegrityError, match=said):
        connection.execute(write.format(table))


@pytest.mark.parametrize(("table", "columns", "said"), INSERTS)
def test_a_beginning_is_refused(connection, table, columns, said):
    plant_parents(connection, table)

    with pytest.raises(sqlite3.IntegrityError, match=said):
        plant(connection, table, **columns)


REFUND = {"kind": "refund", "refund_id": PAYMENT}


@pytest.mark.parametrize("status", ["OPEN", "LOST"])
def test_a_refund_of_what_is_disputed_or_lost_is_refused(connection, status):
    plant_parents(connection, "payments_disputefact")
    plant(connection, "payments_refund")
    if status == "LOST":
        decided = "status = 'LOST', version = 2, decided_at = '2026-01-01'"
        connection.execute(f"UPDATE payments_dispute SET {decided}")

    with pytest.raises(sqlite3.IntegrityError, match="is not refunded"):
        plant(connection, "payments_operation", **REFUND)


@pytest.mark.parametrize("unasked_id", ["", "re_x"])
def test_a_refund_of_what_was_won_or_of_the_providers_own_is_not_refused(connection, unasked_id):
    plant_parents(connection, "payments_disputefact")
    plant(connection, "payments_refund")
    if not unasked_id:
        decided = "status = 'WON', version = 2, decided_at = '2026-01-01'"
        connection.execute(f"UPDATE payments_dispute SET {decided}")

    plant(connection, "payments_operation", **REFUND, unasked_id=unasked_id,
          provider_id=unasked_id)  # fmt: skip


UNFIT = {
    "a void of a payment without a hold": {"kind": "void"},
    "a capture of one without a hold": {"kind": "capture"},
    "a capture of what is taken at once": {"kind": "capture", "unasked_id": "x"},
    "a void of another sum": {"kind": "void", "amount": 2, "unasked_id": "x"},
    "a refund of none": {"kind": "refund", "refund_id": PAYMENT, "unasked_id": "x"},
    "a void at another gateway": {"kind": "void", "gateway": "g", "unasked_id": "x"},
    "a void in another currency": {"kind": "void", "currency": "USD", "unasked_id": "x"},
}


@pytest.mark.parametrize("columns", UNFIT.values(), ids=UNFIT)
def test_there_is_not(connection, columns):
    plant(connection, "payments_payment")
    of_it = {"provider_id": columns.get("unasked_id", "")}

    with pytest.raises(sqlite3.IntegrityError, match="an operation fits what it is for"):
        plant(connection, "payments_operation", **columns, **of_it)


def test_a_void_of_what_waits_for_its_payer_is_not_refused(connection):
    plant(connection, "payments_payment")
    for version, columns in (
        (2, "status = 'PROCESSING'"),
        (3, "status = 'REQUIRES_ACTION', next_action_url = 'https://pay.test/act'"),
    ):
        connection.execute(f"UPDATE payments_payment SET version = {version}, {columns}")

    plant(connection, "payments_operation", kind="void", claims=PAYMENT)


def test_a_second_dispute_over_the_same_money_is_refused(connection):
    plant_parents(connection, "payments_disputefact")

    with pytest.raises(sqlite3.IntegrityError, match="a dispute fits its payment"):
        plant(connection, "payments_dispute", id=OTHER, provider_id="dp_2")


@pytest.mark.parametrize("table", sorted(ROWS))
def test_what_is_refused_begins_with_what_is_not(connection, table):
    plant_parents(connection, table)

    plant(connection, table)

    assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)


def test_every_refusal_is_met():
    tables = {table for table, *_ in WRITES}

    assert {refusal.table for refusal in all_refusals()} == tables


def test_every_guard_of_postgresql_has_its_refusal():
    wanted = {
        (guard.table, guard.name, guard.events)
        for guard in [*OF_CORE, *OF_OUTBOX, *OF_PAYMENTS, *OF_WEBHOOKS]
        if guard.events != "TRUNCATE" and guard.name not in ELSEWHERE
    }

    found = {(refusal.table, refusal.name, refusal.events) for refusal in all_refusals()}

    assert wanted
    assert wanted - found == set()


def test_a_file_that_is_migrated_again_refuses_the_same(files: Files):
    file = files.fresh()
    with sqlite3.connect(file) as connection:
        before = triggers(connection)
        connection.execute("DROP TRIGGER payments_event_append_only_update")

    done = manage(file, "migrate", "--verbosity=0")

    assert done.returncode == 0, done.stderr
    assert triggers(connection) == before


def triggers(connection: sqlite3.Connection) -> set[tuple[str, ...]]:
    sql = "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'"
    return set(connection.execute(sql).fetchall())
