"""The serving role and the operator can do what the rooms list, and nothing else."""

import pytest
from django.conf import settings
from django.db import connection
from psycopg2 import errors

from core import grants
from core.db import rows
from core.grants import (
    GrantWithoutTable,
    all_grants,
    all_operator_grants,
    apply_grants,
    roles_are_apart,
)
from core.models import Merchant
from tests.conftest import as_owner
from tests.money import a_shop


def held(table: str) -> set[str]:
    sql = (
        "SELECT privilege_type FROM information_schema.table_privileges"
        " WHERE table_name = %s AND grantee = current_user"
    )
    return {privilege for (privilege,) in rows(sql, [table])}


@pytest.mark.django_db
class TestTheServingRole:
    @pytest.mark.parametrize("table", ["payments_statuschange", "ledger_transfer"])
    def test_reads_and_appends_what_is_append_only(self, table):
        assert held(table) == {"SELECT", "INSERT"}

    def test_reads_what_was_migrated_but_does_not_write_it(self):
        assert held("django_migrations") == {"SELECT"}

    def test_owns_nothing(self):
        owned = rows("SELECT relname FROM pg_class WHERE relowner = current_user::regrole")

        assert owned == []

    def test_cannot_make_a_table(self):
        with pytest.raises(Exception, match="permission denied for schema public"):
            rows("CREATE TABLE mine ()")

    @pytest.mark.parametrize("table", ["auth_user", "django_session", "django_admin_log"])
    def test_does_not_even_read_what_is_the_operators(self, table):
        with pytest.raises(Exception, match=f"permission denied for table {table}"):
            rows(f"SELECT FROM {table}")


ALLOWED_TO_THE_OPERATOR = [
    "SELECT * FROM payments_payment, payments_attempt, payments_statuschange, ledger_entries",
    "SELECT FROM payments_payment FOR NO KEY UPDATE",
    "UPDATE payments_payment SET needs_review = false, updated_at = now()",
    "UPDATE outbox_message SET state = 3 WHERE state = 0",
    "SELECT id, scopes, last_four FROM core_apikey",
    "DELETE FROM django_session",
]
REFUSED_TO_THE_OPERATOR = [
    "UPDATE payments_payment SET status = 'FAILED'",
    "UPDATE payments_payment SET amount_refunded = 1",
    "UPDATE payments_operation SET state = 'failed'",
    "UPDATE payments_refund SET status = 'FAILED'",
    "UPDATE payments_attempt SET outcome = 'declined'",
    "DELETE FROM payments_attempt",
    "INSERT INTO payments_statuschange SELECT * FROM payments_statuschange",
    "INSERT INTO payments_notice SELECT * FROM payments_notice",
    "UPDATE payments_seen SET amount = 1",
    "INSERT INTO ledger_transfer SELECT * FROM ledger_transfer",
    "INSERT INTO ledger_transaction SELECT * FROM ledger_transaction",
    "UPDATE ledger_transfer SET amount = 1",
    "UPDATE outbox_message SET failures = 0",
    "UPDATE outbox_message SET starts = 0",
    "DELETE FROM outbox_message",
    "INSERT INTO outbox_lapse SELECT * FROM outbox_lapse",
    "UPDATE webhooks_providerevent SET applied_at = now()",
    "SELECT secret_sha256 FROM core_apikey",
    "UPDATE core_apikey SET scopes = '[]'",
    "DELETE FROM core_apikey",
    "DELETE FROM core_merchant",
    "SELECT body FROM core_idempotencyrecord",
    "DELETE FROM auth_user",
    "UPDATE django_admin_log SET user_id = 1",
    "CREATE TABLE mine ()",
]


class TestTheOperator:
    @pytest.mark.parametrize("sql", ALLOWED_TO_THE_OPERATOR)
    def test_may(self, operator, sql):
        with operator.cursor() as cursor:
            cursor.execute(sql)

    @pytest.mark.parametrize("sql", REFUSED_TO_THE_OPERATOR)
    def test_may_not(self, operator, sql):
        with operator.cursor() as cursor, pytest.raises(errors.InsufficientPrivilege):
            cursor.execute(sql)

    def test_has_bounds(self, operator):
        with operator.cursor() as cursor:
            cursor.execute("SELECT current_setting('statement_timeout'), current_setting('jit')")

            assert cursor.fetchall() == [("30s", "off")]


class TestApplying:
    def test_takes_back_a_right_that_left_its_list(self, committed_db, monkeypatch):
        monkeypatch.setitem(grants.GRANTS, "core_merchant", "SELECT")

        with as_owner():
            apply_grants(connection)

        assert held("core_merchant") == {"SELECT"}

    def test_takes_back_a_right_that_left_the_operators_list(
        self, committed_db, operator, monkeypatch
    ):
        a_shop()
        with operator.cursor() as cursor:
            cursor.execute("UPDATE core_merchant SET name = 'x'")
        operator.rollback()
        monkeypatch.setitem(grants.OPERATOR_GRANTS, "core_merchant", "SELECT")

        with as_owner():
            apply_grants(connection)

        with operator.cursor() as cursor, pytest.raises(errors.InsufficientPrivilege):
            cursor.execute("UPDATE core_merchant SET name = 'y'")
        assert Merchant.objects.get().name != "y"

    def test_takes_back_a_right_on_a_table_nobody_lists(self, committed_db, monkeypatch):
        monkeypatch.delitem(grants.GRANTS, "core_merchant")

        with as_owner():
            apply_grants(connection)

        assert held("core_merchant") == set()

    def test_takes_back_a_column(self, committed_db, owner, monkeypatch):
        monkeypatch.setitem(grants.GRANTS, "core_merchant", "SELECT, UPDATE (name)")
        with as_owner():
            apply_grants(connection)
        rows("UPDATE core_merchant SET name = 'x'")

        monkeypatch.setitem(grants.GRANTS, "core_merchant", "SELECT")
        with as_owner():
            apply_grants(connection)

        with pytest.raises(Exception, match="permission denied") as refused:
            rows("UPDATE core_merchant SET name = 'x'")
        assert isinstance(refused.value.__cause__, errors.InsufficientPrivilege)

    def test_refuses_a_table_that_does_not_exist(self, committed_db, monkeypatch):
        monkeypatch.setitem(grants.GRANTS, "core_mercant", "SELECT")

        with as_owner(), pytest.raises(GrantWithoutTable, match="core_mercant"):
            apply_grants(connection)

    def test_may_be_told_that_tables_are_still_missing(self, committed_db, monkeypatch):
        monkeypatch.setitem(grants.GRANTS, "core_later", "SELECT")

        with as_owner():
            assert apply_grants(connection, partial=True)

    def test_gives_one_role_both_lists_when_it_does_both(self, committed_db, monkeypatch):
        monkeypatch.setattr(settings, "DATABASE_OPERATOR_URL", settings.DATABASE_URL)

        with as_owner():
            apply_grants(connection)

        assert held("django_session") == {"SELECT", "INSERT", "UPDATE", "DELETE"}
        assert held("ledger_transfer") == {"SELECT", "INSERT"}

    def test_does_nothing_when_one_role_does_all(self, committed_db, monkeypatch):
        for name in ("DATABASE_OWNER_URL", "DATABASE_OPERATOR_URL"):
            monkeypatch.setattr(settings, name, settings.DATABASE_URL)

        assert not apply_grants(connection)


class TestTheCheck:
    def test_is_content_with_three_roles(self):
        assert roles_are_apart() == []

    @pytest.mark.parametrize(("debug", "name"), [(True, "core.W001"), (False, "core.E001")])
    def test_warns_a_developer_and_stops_a_server(self, monkeypatch, debug, name):
        monkeypatch.setattr(settings, "DATABASE_OWNER_URL", settings.DATABASE_URL)
        monkeypatch.setattr(settings, "DEBUG", debug)

        assert [found.id for found in roles_are_apart()] == [name]

    @pytest.mark.parametrize("other", ["DATABASE_URL", "DATABASE_OWNER_URL"])
    @pytest.mark.parametrize(("debug", "name"), [(True, "core.W002"), (False, "core.E002")])
    def test_wants_an_operator_of_its_own(self, monkeypatch, debug, name, other):
        monkeypatch.setattr(settings, "DATABASE_OPERATOR_URL", getattr(settings, other))
        monkeypatch.setattr(settings, "DEBUG", debug)

        assert [found.id for found in roles_are_apart()] == [name]

    def test_leaves_sqlite_alone(self, monkeypatch):
        monkeypatch.setattr(settings, "DATABASE_URL", "sqlite:///x.db")

        assert roles_are_apart() == []


def test_every_room_is_asked():
    assert {"core_merchant", "ledger_transfer", "django_migrations"} <= set(all_grants())
    assert {"core_merchant", "ledger_transfer", "auth_user"} <= set(all_operator_grants())
