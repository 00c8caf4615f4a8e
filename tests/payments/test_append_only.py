"""What was written of payments stays, whoever asks."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from psycopg2 import errors
from psycopg2.extensions import connection as Connection

from tests import servers
from tests.payments.planting import (
    plant_attempt,
    plant_change,
    plant_dispute,
    plant_dispute_fact,
    plant_event,
    plant_notice,
    plant_operation,
    plant_payment,
    plant_refund,
    plant_seen,
    update,
)

PAYMENT, REFUND = "payments_payment", "payments_refund"
OPERATION, ATTEMPT = "payments_operation", "payments_attempt"
RESTRICTED = errors.RestrictViolation
TABLES = (PAYMENT, REFUND, OPERATION, ATTEMPT, "payments_notice", "payments_seen",
          "payments_statuschange", "payments_event", "payments_dispute",
          "payments_disputefact")  # fmt: skip


@pytest.fixture
def serving(django_db_setup: None) -> Iterator[Connection]:
    """Connect as the role that answers requests."""
    databases = servers.DATABASES
    with closing(servers.connect(databases.url(databases.shared))) as connection:
        yield connection


def one_of_each(connection: Connection) -> dict[str, str]:
    payment_id = plant_payment(connection, "SUCCESS")
    operation_id = plant_operation(connection, payment_id)
    dispute_id = plant_dispute(connection, payment_id)
    return {
        PAYMENT: payment_id,
        REFUND: plant_refund(connection, payment_id),
        OPERATION: operation_id,
        ATTEMPT: plant_attempt(connection, operation_id),
        "payments_notice": plant_notice(connection, operation_id),
        "payments_seen": plant_seen(connection, operation_id),
        "payments_statuschange": plant_change(connection, payment_id),
        "payments_event": plant_event(connection),
        "payments_dispute": dispute_id,
        "payments_disputefact": plant_dispute_fact(connection, dispute_id),
    }


@pytest.mark.parametrize("table", TABLES)
def test_nothing_is_deleted_even_by_the_owner(owner, table):
    row_id = one_of_each(owner)[table]

    with pytest.raises(RESTRICTED, match=r"never deleted|append-only"), owner.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE id = %s", [row_id])


@pytest.mark.parametrize("table", TABLES)
def test_nothing_is_truncated_even_by_the_owner(owner, table):
    with pytest.raises(RESTRICTED, match="never truncated"), owner.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table} CASCADE")


APPEND_ONLY = {
    "payments_notice": {"outcome": "declined"},
    "payments_seen": {"amount": 1},
    "payments_statuschange": {"cause": "somebody"},
    "payments_event": {"type": "payment.deleted"},
    "payments_disputefact": {"said": "won"},
}


@pytest.mark.parametrize(("table", "change"), APPEND_ONLY.items())
def test_what_was_said_is_not_changed_even_by_the_owner(owner, table, change):
    row_id = one_of_each(owner)[table]

    with pytest.raises(RESTRICTED, match="append-only"):
        update(owner, table, row_id, **change)


@pytest.mark.parametrize("table", TABLES)
def test_the_triggers_hold_for_a_replica_too(owner, table):
    with owner.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT tgenabled FROM pg_trigger"
            " WHERE tgrelid = %s::regclass AND NOT tgisinternal",
            [table],
        )

        assert cursor.fetchall() == [("A",)]


FORBIDDEN = {
    "delete a payment": "DELETE FROM payments_payment",
    "change an amount": "UPDATE payments_payment SET amount = 1",
    "change a currency": "UPDATE payments_payment SET currency = 'USD'",
    "change a merchant": "UPDATE payments_payment SET merchant_id = id",
    "change whose refund it is": "UPDATE payments_refund SET payment_id = id",
    "delete a refund": "DELETE FROM payments_refund",
    "change an operation's gateway": "UPDATE payments_operation SET gateway = 'mock'",
    "delete an operation": "DELETE FROM payments_operation",
    "change when an attempt was meant": "UPDATE payments_attempt SET intended_at = now()",
    "change an attempt's key": "UPDATE payments_attempt SET provider_key = ''",
    "delete an attempt": "DELETE FROM payments_attempt",
    "change a notice": "UPDATE payments_notice SET outcome = ''",
    "delete a notice": "DELETE FROM payments_notice",
    "add what a person has seen": "INSERT INTO payments_seen SELECT * FROM payments_seen",
    "change history": "UPDATE payments_statuschange SET cause = ''",
    "delete history": "DELETE FROM payments_statuschange",
    "change an event": "UPDATE payments_event SET type = ''",
    "delete an event": "DELETE FROM payments_event",
    "change a disputed amount": "UPDATE payments_dispute SET amount = 1",
    "delete a dispute": "DELETE FROM payments_dispute",
    "change what was said of a dispute": "UPDATE payments_disputefact SET said = 'won'",
    "delete what was said of a dispute": "DELETE FROM payments_disputefact",
    "truncate": "TRUNCATE payments_event",
    "switch a trigger off": "ALTER TABLE payments_event DISABLE TRIGGER ALL",
    "change a stored answer": "UPDATE core_idempotencyrecord SET body = ''",
    "change what a webhook said": "UPDATE webhooks_providerevent SET content = ''",
    "delete a webhook": "DELETE FROM webhooks_providerevent",
    "change a lapse": "UPDATE outbox_lapse SET alone = false",
    "delete a merchant": "DELETE FROM core_merchant",
    "delete a key": "DELETE FROM core_apikey",
}


@pytest.mark.parametrize("sql", FORBIDDEN.values(), ids=FORBIDDEN)
def test_the_serving_role_may_not(serving, sql):
    with pytest.raises(errors.InsufficientPrivilege):
        serving.cursor().execute(sql)
