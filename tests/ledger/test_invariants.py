"""Each invariant finds the damage it is there for. Nothing here is committed."""

from collections.abc import Callable
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest
from psycopg2.extensions import connection as Connection
from psycopg2.sql import SQL, Identifier

from core.db import transaction
from ledger import books, rollup
from ledger.invariants import INVARIANTS
from ledger.models import Transfer
from tests import servers
from tests.conftest import Database
from tests.ledger.sample import Sale

BY_NAME = {invariant.name: invariant for invariant in INVARIANTS}

# The owner can do all of this: what grants and triggers cannot stop must be noticed.
OPEN = """
    ALTER TABLE ledger_account DISABLE TRIGGER USER;
    ALTER TABLE ledger_transaction DISABLE TRIGGER USER;
    ALTER TABLE ledger_transfer DISABLE TRIGGER USER;
    ALTER TABLE ledger_rollup DISABLE TRIGGER USER;
    ALTER TABLE ledger_snapshot DISABLE TRIGGER USER;
    ALTER TABLE ledger_transfer
        DROP CONSTRAINT ledger_transfer_joins_its_own_transaction,
        DROP CONSTRAINT ledger_transfer_debit_currency_and_mode,
        DROP CONSTRAINT ledger_transfer_credit_currency_and_mode,
        DROP CONSTRAINT ledger_transfer_two_accounts;
    ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_code_in_chart;
    ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_owner_fits_code;
    ALTER TABLE ledger_transaction DROP CONSTRAINT ledger_fact_booked_once;
    DROP INDEX ledger_transaction_resolved_once;
    SET CONSTRAINTS ALL IMMEDIATE;
"""
COPY_HEADER = """
    INSERT INTO ledger_transaction (id, kind, source_id, merchant_id, mode, resolves_id, xid)
    SELECT gen_random_uuid(), {kind}, source_id, merchant_id, mode, {resolves},
           pg_current_xact_id()
    FROM ledger_transaction WHERE kind = 'captured'
"""
POSTED = "(SELECT id FROM ledger_transfer WHERE layer = 'posted' LIMIT 1)"
STRAY = f"""
    UPDATE ledger_transfer SET transaction_id = gen_random_uuid() WHERE id = {POSTED}
"""
EUROS = """
    INSERT INTO ledger_account (id, code, owner, currency, mode)
    VALUES ('00000000-0000-0000-0000-00000000000e', 'merchant_payable', 'x', 'EUR', 'test');
"""
IN_EUROS = "credit_account_id = '00000000-0000-0000-0000-00000000000e'"

DAMAGE: dict[str, list[str]] = {
    "ledger-transactions-balance": [
        f"UPDATE ledger_transfer SET credit_account_id = gen_random_uuid() WHERE id = {POSTED}",
        f"{EUROS} UPDATE ledger_transfer SET {IN_EUROS} WHERE id = {POSTED}",
    ],
    "ledger-trial-balance": [
        f"UPDATE ledger_transfer SET debit_account_id = gen_random_uuid() WHERE id = {POSTED}",
    ],
    "ledger-accounting-equation": [
        "UPDATE ledger_account SET code = 'petty_cash' WHERE code = 'gateway_receivable'",
    ],
    "ledger-pending-resolved-once": [
        COPY_HEADER.format(kind="'failed'", resolves="resolves_id"),
    ],
    "ledger-resolution-mirrors-pending": [
        "UPDATE ledger_transfer SET amount = amount + 1 WHERE reversal",
        "UPDATE ledger_transfer SET reversal = false WHERE reversal",
        "UPDATE ledger_transfer SET reversal = true WHERE layer = 'pending'",
        "DELETE FROM ledger_transfer WHERE reversal",
        "DELETE FROM ledger_transfer WHERE layer = 'pending' AND NOT reversal",
        COPY_HEADER.format(kind="'failed'", resolves="resolves_id"),
    ],
    "ledger-resolution-resolves-something": [
        COPY_HEADER.format(kind="'failed'", resolves="id"),
        "UPDATE ledger_transfer SET reversal = false WHERE reversal",
    ],
    "ledger-resolution-same-merchant": [
        "UPDATE ledger_transaction SET merchant_id = gen_random_uuid() WHERE kind = 'captured'",
        "UPDATE ledger_transaction SET mode = 'live' WHERE kind = 'failed'",
    ],
    "ledger-transfers-have-headers": [STRAY, "UPDATE ledger_transaction SET mode = 'live'"],
    "ledger-headers-have-transfers": [
        COPY_HEADER.format(kind="'failed'", resolves="NULL"),
        "DELETE FROM ledger_transfer",
    ],
    "ledger-transfers-written-with-headers": [
        f"UPDATE ledger_transfer SET xid = pg_current_xact_id() WHERE id = {POSTED}",
    ],
    "ledger-facts-booked-once": [COPY_HEADER.format(kind="kind", resolves="NULL")],
    "ledger-ends-share-currency": [
        f"UPDATE ledger_transfer SET currency = 'EUR' WHERE id = {POSTED}",
        f"UPDATE ledger_transfer SET mode = 'live' WHERE id = {POSTED}",
        f"{EUROS} UPDATE ledger_transfer SET {IN_EUROS} WHERE id = {POSTED}",
        f"UPDATE ledger_transfer SET debit_account_id = credit_account_id WHERE id = {POSTED}",
    ],
    "ledger-snapshots-equal-sums": [
        "UPDATE ledger_snapshot SET credits = credits + 1 WHERE layer = 'posted'",
        "DELETE FROM ledger_snapshot WHERE reversal",
        "UPDATE ledger_snapshot SET epoch = epoch - 1 WHERE reversal",
        """
        INSERT INTO ledger_snapshot
        SELECT account_id, 'pending', true, epoch, 1, 0 FROM ledger_snapshot
        WHERE layer = 'posted' ON CONFLICT DO NOTHING
        """,
        f"UPDATE ledger_transfer SET amount = amount + 1 WHERE id = {POSTED}",
        "UPDATE ledger_rollup SET upto = '1'",
    ],
    "ledger-rollup-in-bounds": [
        "DELETE FROM ledger_rollup",
        "UPDATE ledger_rollup SET upto = pg_snapshot_xmax(pg_current_snapshot())",
        "UPDATE ledger_snapshot SET epoch = epoch + 1",
    ],
    "ledger-triggers-in-force": [
        "ALTER TABLE ledger_account DISABLE TRIGGER USER",
        "ALTER TABLE ledger_snapshot DISABLE TRIGGER USER",
        "DROP TRIGGER ledger_rollup_goes_forward ON ledger_rollup",
        "DROP TRIGGER ledger_transaction_keeps_all_rows ON ledger_transaction",
        "ALTER TABLE ledger_transfer ENABLE TRIGGER ledger_transfer_keeps_rows",
        "ALTER TABLE ledger_transfer ENABLE REPLICA TRIGGER ledger_transfer_stamps_xid",
        """
        DROP TRIGGER ledger_transfer_keeps_rows ON ledger_transfer;
        CREATE TRIGGER ledger_transfer_keeps_rows BEFORE DELETE ON ledger_transfer
            FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
        ALTER TABLE ledger_transfer ENABLE ALWAYS TRIGGER ledger_transfer_keeps_rows
        """,
        """
        DROP TRIGGER ledger_transfer_keeps_rows ON ledger_transfer;
        CREATE TRIGGER ledger_transfer_keeps_rows BEFORE UPDATE OR DELETE ON ledger_transfer
            FOR EACH ROW WHEN (OLD.amount = 0) EXECUTE FUNCTION ledger_refuse_change();
        ALTER TABLE ledger_transfer ENABLE ALWAYS TRIGGER ledger_transfer_keeps_rows
        """,
    ],
    "ledger-rights-as-listed": [
        "GRANT UPDATE ON ledger_transfer TO {serving}",
        "GRANT UPDATE (amount) ON ledger_transfer TO {serving}",
        "GRANT DELETE ON ledger_transaction TO PUBLIC",
        "GRANT TRUNCATE ON ledger_account TO {serving}",
        "GRANT INSERT ON ledger_transfer TO {operator}",
        "GRANT DELETE ON ledger_snapshot TO {serving}",
        "GRANT INSERT ON ledger_rollup TO {serving}",
    ],
}
CASES = [(name, damage) for name, damages in DAMAGE.items() for damage in damages]
IDS = [f"{name}-{i}" for name, damages in DAMAGE.items() for i in range(1, len(damages) + 1)]


@pytest.fixture(scope="module")
def ask() -> Callable[[Connection, str], list[tuple[Any, ...]]]:
    def run(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    return run


def book_sales() -> None:
    with transaction():
        kept, lost, open_ = Sale(), Sale(), Sale()
        for posting in (kept.created(), lost.created(), open_.created()):
            books.book(posting)
    with transaction():
        books.book(kept.captured())
        books.book(lost.failed())
        books.book(kept.refunded(10))
    assert rollup.add_block() == 6


def test_every_invariant_has_damage_to_find() -> None:
    assert DAMAGE.keys() == BY_NAME.keys()


def test_honest_books_break_none(committed_db: Database, owner: Connection, ask: Any) -> None:
    book_sales()

    broken = {i.name for i in INVARIANTS if ask(owner, i.sql)}

    assert Transfer.objects.count() == 7
    assert broken == set()


class TestDamage:
    @pytest.mark.parametrize(("name", "damage"), CASES, ids=IDS)
    def test_is_found(
        self, committed_db: Database, owner: Connection, ask: Any, name: str, damage: str
    ) -> None:
        book_sales()
        statement = servers.DATABASES.with_names(damage)
        if not name.startswith(("ledger-triggers", "ledger-rights")):
            ask(owner, OPEN)
        assert ask(owner, BY_NAME[name].sql) == []

        ask(owner, statement)

        assert ask(owner, BY_NAME[name].sql) != []


def test_rights_through_a_group_are_found(django_db_setup: None, ask: Any) -> None:
    group = Identifier(f"group_{uuid4().hex[:12]}")
    serving = servers.DATABASES.roles.serving.name
    rights = BY_NAME["ledger-rights-as-listed"].sql
    shared = urlsplit(servers.DATABASES.admin_url)._replace(path=servers.DATABASES.shared)
    with closing(servers.connect(urlunsplit(shared))) as superuser:
        ask(superuser, SQL("CREATE ROLE {}").format(group))
        ask(superuser, SQL("GRANT DELETE ON ledger_transfer TO {}").format(group))
        before = ask(superuser, rights)

        ask(superuser, SQL("GRANT {} TO {}").format(group, Identifier(serving)))
        after = ask(superuser, rights)

    assert before == []
    assert after == [(serving, "ledger_transfer", "DELETE", "")]
