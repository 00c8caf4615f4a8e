"""What the database itself keeps of the outbox, met in plain SQL."""

from typing import Any
from uuid import uuid4

import pytest
from psycopg2 import errors
from psycopg2.extensions import connection as Connection

from tests.payments.planting import insert, update

MESSAGE = "outbox_message"
RESTRICTED = errors.RestrictViolation
FLIGHT = {"lease_until": "2030-01-01", "job": str(uuid4())}
DONE = {"state": 8, "finished_at": "2026-01-01"}


def plant(connection: Connection, **columns: Any) -> str:
    return insert(
        connection,
        MESSAGE,
        **{
            "kind": "charge",
            "version": 1,
            "lane": "charge:mock",
            "subject_id": str(uuid4()),
            "state": 0,
            "epoch": 0,
            "worker": "",
            "alone": False,
            "starts": 0,
            "failures": 0,
            "lost": 0,
            "max_attempts": 25,
            "last_error": "",
            "trace": "",
            **columns,
        },
    )


BROKEN = {
    "an unknown state": ({"state": 7}, "outbox_state_known"),
    "a flight without a lease": ({"state": 1, "job": str(uuid4())}, "outbox_in_flight_has_lease"),
    "a flight without a job": (
        {"state": 1, "lease_until": "2030-01-01"}, "outbox_in_flight_has_lease"),
    "an end without its time": ({"state": 8}, "outbox_finished_iff_over"),
    "a death without its time": ({"state": 9}, "outbox_finished_iff_over"),
    "a time without its end": ({"finished_at": "2026-01-01"}, "outbox_finished_iff_over"),
    "more starts than claims": ({"starts": 1}, "outbox_starts_within_epochs"),
    "more lapses than starts": ({"lapses": 1}, "outbox_lapses_within_starts"),
    "fewer lapses than none": ({"lapses": -1}, "outbox_lapses_within_starts"),
    "a start by nobody": ({"started_at": "2026-01-01"}, "outbox_started_by_somebody"),
}  # fmt: skip


@pytest.mark.parametrize(("columns", "constraint"), BROKEN.values(), ids=BROKEN)
def test_no_message_has(owner, columns, constraint):
    with pytest.raises(errors.CheckViolation, match=constraint):
        plant(owner, **columns)


@pytest.mark.parametrize("active", [{}, {"state": 1, **FLIGHT}, {"state": 3}])
def test_a_subject_has_one_active_message(owner, active):
    subject_id = str(uuid4())
    plant(owner, subject_id=subject_id, **active)

    with pytest.raises(errors.UniqueViolation, match="outbox_one_active_per_subject"):
        plant(owner, subject_id=subject_id)


@pytest.mark.parametrize("over", [DONE, {**DONE, "state": 9}])
def test_a_subject_whose_message_is_over_may_have_another(owner, over):
    subject_id = str(uuid4())
    plant(owner, subject_id=subject_id, **over)

    assert plant(owner, subject_id=subject_id)


def test_one_message_flies_alone(owner):
    plant(owner, alone=True, state=1, **FLIGHT)

    with pytest.raises(errors.UniqueViolation, match="outbox_one_alone_in_flight"):
        plant(owner, alone=True, state=1, **FLIGHT)


@pytest.mark.parametrize("change", [{"state": 0, "finished_at": None}, {"last_error": "x"}])
def test_a_done_message_stays_done(owner, change):
    message_id = plant(owner, **DONE)

    with pytest.raises(RESTRICTED, match="done message is over"):
        update(owner, MESSAGE, message_id, **change)


def test_an_epoch_never_goes_back(owner):
    message_id = plant(owner, epoch=5)

    with pytest.raises(RESTRICTED, match="never goes back"):
        update(owner, MESSAGE, message_id, epoch=4)


@pytest.mark.parametrize("state", [0, 3])
def test_a_claim_raises_the_epoch(owner, state):
    message_id = plant(owner, epoch=5, state=state)

    with pytest.raises(RESTRICTED, match="claim raises the epoch"):
        update(owner, MESSAGE, message_id, state=1, **FLIGHT)


@pytest.mark.parametrize(
    "columns", [{}, {"state": 1, **FLIGHT}, {"state": 3}, {**DONE, "state": 9}]
)
def test_only_a_done_message_is_deleted(owner, columns):
    plant(owner, **columns)

    with pytest.raises(RESTRICTED, match="only a done message"):
        owner.cursor().execute("DELETE FROM outbox_message")


def lapse_row(**columns: Any) -> dict[str, Any]:
    return {
        "message_id": str(uuid4()),
        "epoch": 1,
        "worker": "host:1",
        "alone": False,
        "started_at": "2026-01-01",
        "lease_until": "2026-01-01",
        **columns,
    }


def test_a_start_lapses_once(owner):
    row = lapse_row()
    insert(owner, "outbox_lapse", **row)

    with pytest.raises(errors.UniqueViolation, match="lapse_once_per_start"):
        insert(owner, "outbox_lapse", **row)


@pytest.mark.parametrize(
    "sql",
    ["UPDATE outbox_lapse SET alone = true", "DELETE FROM outbox_lapse", "TRUNCATE outbox_lapse"],
)
def test_a_lapse_is_never_forgotten(owner, sql):
    insert(owner, "outbox_lapse", **lapse_row())

    with pytest.raises(RESTRICTED, match="append-only"):
        owner.cursor().execute(sql)


@pytest.mark.parametrize("table", ["outbox_message", "outbox_lapse"])
def test_the_triggers_hold_for_a_replica_too(owner, table):
    with owner.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT tgenabled FROM pg_trigger"
            " WHERE tgrelid = %s::regclass AND NOT tgisinternal",
            [table],
        )
        assert cursor.fetchall() == [("A",)]


def test_the_table_is_stored_for_many_small_rewrites(owner):
    with owner.cursor() as cursor:
        cursor.execute("SELECT reloptions FROM pg_class WHERE relname = 'outbox_message'")
        (options,) = cursor.fetchone()

    assert set(options) == {
        "fillfactor=80",
        "autovacuum_vacuum_scale_factor=0",
        "autovacuum_vacuum_threshold=1000",
        "autovacuum_vacuum_insert_scale_factor=0",
        "autovacuum_vacuum_insert_threshold=10000",
        "autovacuum_vacuum_cost_delay=1",
        "autovacuum_vacuum_cost_limit=2000",
        "vacuum_truncate=off",
    }


def test_a_lease_is_in_no_index_so_that_starts_are_heap_only(owner):
    with owner.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'outbox_message'")
        definitions = " ".join(definition for (definition,) in cursor)

    assert all(word not in definitions for word in ("lease_until", "started_at", "epoch", "worker"))
