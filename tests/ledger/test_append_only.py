"""What is in the books stays there, whoever asks."""

from uuid import uuid4

import psycopg2
import pytest
from psycopg2 import errors

from tests.ledger.plain_sql import FORGED_LEG, Sql

TABLES = ["ledger_account", "ledger_transaction", "ledger_transfer"]


class TestBooksAreAppendOnly:
    @pytest.mark.parametrize("table", TABLES)
    @pytest.mark.parametrize("change", ["UPDATE {} SET mode = mode", "DELETE FROM {}"])
    def test_rows_stay_even_for_the_owner(self, as_owner: Sql, table: str, change: str) -> None:
        as_owner.leg()

        with pytest.raises(errors.RestrictViolation, match=f"{table} is append-only"):
            as_owner.run(change.format(table))

    @pytest.mark.parametrize("table", TABLES)
    def test_tables_are_not_emptied_even_by_the_owner(self, as_owner: Sql, table: str) -> None:
        with pytest.raises(errors.RestrictViolation, match="append-only: TRUNCATE"):
            as_owner.run(f"TRUNCATE {table} CASCADE")

    @pytest.mark.parametrize("table", TABLES)
    @pytest.mark.parametrize(
        "change", ["UPDATE {} SET mode = mode", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
    )
    def test_the_serving_role_may_not_even_try(
        self, as_serving: Sql, table: str, change: str
    ) -> None:
        with pytest.raises(errors.InsufficientPrivilege):
            as_serving.run(change.format(table))

    def test_the_serving_role_cannot_switch_the_triggers_off(self, as_serving: Sql) -> None:
        with pytest.raises(errors.InsufficientPrivilege):
            as_serving.run("ALTER TABLE ledger_transfer DISABLE TRIGGER USER")

    def test_the_serving_role_cannot_pose_as_a_replica(self, as_serving: Sql) -> None:
        with pytest.raises(errors.InsufficientPrivilege):
            as_serving.run("SET session_replication_role = replica")

    @pytest.mark.parametrize("change", ["UPDATE {} SET mode = mode", "DELETE FROM {}"])
    def test_posing_as_a_replica_does_not_skip_the_triggers(
        self, as_superuser: Sql, change: str
    ) -> None:
        as_superuser.leg()
        as_superuser.run("SET session_replication_role = replica")

        with pytest.raises(errors.RestrictViolation, match="append-only"):
            as_superuser.run(change.format("ledger_transfer"))

    def test_posing_as_a_replica_does_not_let_a_caller_name_the_xid(
        self, as_superuser: Sql
    ) -> None:
        as_superuser.run("SET session_replication_role = replica")
        leg = as_superuser.leg(FORGED_LEG, header=uuid4())

        own = "SELECT xid = pg_current_xact_id() FROM ledger_transfer WHERE id = %(leg)s"
        assert as_superuser.run(own, {"leg": leg}) == [(True,)]

    @pytest.mark.parametrize("table", TABLES)
    def test_every_trigger_fires_for_a_replica_too(self, as_owner: Sql, table: str) -> None:
        modes = as_owner.run(
            "SELECT tgenabled FROM pg_trigger WHERE tgrelid = %(table)s::regclass "
            "AND NOT tgisinternal",
            {"table": table},
        )

        assert set(modes) == {("A",)}
        assert len(modes) == 2 + (table != "ledger_account")


class TestEntries:
    def test_show_each_leg_from_both_sides(self, as_serving: Sql) -> None:
        header = as_serving.header()
        gateway = as_serving.account(code="gateway_receivable", owner="mock")
        as_serving.leg(header=header, debit=gateway, amount=1_000)

        entries = as_serving.run(
            "SELECT side, code, currency, mode, amount FROM ledger_entries "
            "WHERE transaction_id = %(header)s ORDER BY side",
            {"header": header},
        )

        assert entries == [
            ("credit", "merchant_payable", "INR", "test", -1_000),
            ("debit", "gateway_receivable", "INR", "test", 1_000),
        ]

    def test_cannot_be_written(self, as_serving: Sql) -> None:
        with pytest.raises(psycopg2.Error):
            as_serving.run("DELETE FROM ledger_entries")
