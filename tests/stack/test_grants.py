"""The serving role can do what the rooms list, and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.db import connection, connections
from psycopg2 import errors

from config import environment
from core import grants
from core.db import rows
from core.grants import GrantWithoutTable, all_grants, apply_grants, owner_is_not_the_serving_role


@contextmanager
def as_owner() -> Iterator[None]:
    serving = connections.settings["default"]
    with pytest.MonkeyPatch.context() as monkeypatch:
        connection.close()
        for key, value in environment.database(settings.DATABASE_OWNER_URL).items():
            monkeypatch.setitem(serving, key, value)
        yield
        connection.close()


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


class TestApplying:
    def test_takes_back_a_right_that_left_its_list(self, committed_db, monkeypatch):
        monkeypatch.setitem(grants.GRANTS, "core_merchant", "SELECT")

        with as_owner():
            apply_grants(connection)

        assert held("core_merchant") == {"SELECT"}

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

    def test_does_nothing_when_one_role_does_both(self, committed_db, monkeypatch):
        monkeypatch.setattr(settings, "DATABASE_OWNER_URL", settings.DATABASE_URL)

        assert not apply_grants(connection)


class TestTheCheck:
    def test_is_content_with_two_roles(self):
        assert owner_is_not_the_serving_role() == []

    @pytest.mark.parametrize(("debug", "name"), [(True, "core.W001"), (False, "core.E001")])
    def test_warns_a_developer_and_stops_a_server(self, monkeypatch, debug, name):
        monkeypatch.setattr(settings, "DATABASE_OWNER_URL", settings.DATABASE_URL)
        monkeypatch.setattr(settings, "DEBUG", debug)

        assert [found.id for found in owner_is_not_the_serving_role()] == [name]

    def test_leaves_sqlite_alone(self, monkeypatch):
        monkeypatch.setattr(settings, "DATABASE_URL", "sqlite:///x.db")

        assert owner_is_not_the_serving_role() == []


def test_every_room_is_asked():
    assert {"core_merchant", "ledger_transfer", "auth_user"} <= set(all_grants())
