"""What PostgreSQL itself refuses of marks and snapshots, in plain SQL."""

import pytest
from psycopg2 import errors

from tests.ledger.plain_sql import Sql

SNAPSHOT = """
    INSERT INTO ledger_snapshot (account_id, layer, reversal, epoch, debits, credits)
    VALUES (%(account)s, %(layer)s, %(reversal)s, %(epoch)s, %(debits)s, %(credits)s)
"""
# Both are behind us, in the cluster of every test.
EARLIER, LATER = "'3'", "'4'"


def snapshot(sql: Sql, **changes: object) -> None:
    values = {"layer": "posted", "reversal": False, "epoch": 7, "debits": 5, "credits": 5}
    account = changes.get("account") or sql.account()
    sql.run(SNAPSHOT, {**values, **changes, "account": account})


class TestTheMark:
    def test_goes_forward(self, sql: Sql) -> None:
        sql.run(f"UPDATE ledger_rollup SET upto = {EARLIER}")
        sql.run(f"UPDATE ledger_rollup SET upto = {LATER}")

        assert sql.run("SELECT upto::text FROM ledger_rollup") == [("4",)]

    @pytest.mark.parametrize(
        "change",
        [
            f"upto = {EARLIER}",
            f"upto = {LATER}",
            "upto = pg_current_xact_id()",
            "upto = pg_snapshot_xmax(pg_current_snapshot())",
            "upto = '0'",
            "upto = '5', system_identifier = 1",
            "upto = '5', epoch = epoch + 1",
            "upto = '0', epoch = epoch - 1",
            "upto = '0', epoch = epoch + 2",
        ],
    )
    def test_goes_nowhere_else(self, sql: Sql, change: str) -> None:
        sql.run(f"UPDATE ledger_rollup SET upto = {LATER}")

        with pytest.raises(errors.RestrictViolation, match="goes forward"):
            sql.run(f"UPDATE ledger_rollup SET {change}")

    def test_begins_anew_in_the_next_epoch(self, sql: Sql) -> None:
        sql.run(f"UPDATE ledger_rollup SET upto = {LATER}")
        sql.run("UPDATE ledger_rollup SET upto = '0', epoch = epoch + 1, system_identifier = 1")

        assert sql.run("SELECT upto::text FROM ledger_rollup") == [("0",)]

    def test_exists_once(self, as_owner: Sql) -> None:
        with pytest.raises(errors.CheckViolation, match="ledger_rollup_once"):
            as_owner.run("INSERT INTO ledger_rollup VALUES (2, 1, 1, '1')")

    @pytest.mark.parametrize(
        "change",
        [
            "INSERT INTO ledger_rollup VALUES (1, 1, 1, '1')",
            "DELETE FROM ledger_rollup",
            "TRUNCATE ledger_rollup",
        ],
    )
    def test_cannot_be_lost_by_the_serving_role(self, as_serving: Sql, change: str) -> None:
        with pytest.raises(errors.InsufficientPrivilege):
            as_serving.run(change)


class TestASnapshot:
    @pytest.mark.parametrize(
        ("changes", "constraint"),
        [
            ({"layer": "other"}, "ledger_snapshot_known_layer"),
            ({"reversal": True}, "ledger_snapshot_reverses_pending"),
            ({"debits": -1}, "ledger_snapshot_debits"),
            ({"credits": -1}, "ledger_snapshot_credits"),
        ],
    )
    def test_has_the_shape_of_sums(
        self, sql: Sql, changes: dict[str, object], constraint: str
    ) -> None:
        with pytest.raises(errors.CheckViolation, match=constraint):
            snapshot(sql, **changes)

    def test_is_of_an_account(self, sql: Sql) -> None:
        with pytest.raises(errors.ForeignKeyViolation, match="ledger_snapshot_of_an_account"):
            snapshot(sql, account="00000000-0000-0000-0000-00000000000e")

    def test_exists_once_for_a_layer(self, sql: Sql) -> None:
        account = sql.account()
        snapshot(sql, account=account)

        with pytest.raises(errors.UniqueViolation):
            snapshot(sql, account=account)

    @pytest.mark.parametrize(
        "change", ["debits = 6", "credits = 9, debits = 5", "epoch = 8, debits = 0, credits = 1"]
    )
    def test_grows_or_begins_anew(self, sql: Sql, change: str) -> None:
        account = sql.account()
        snapshot(sql, account=account)
        where = "account_id = %(account)s"

        sql.run(f"UPDATE ledger_snapshot SET {change} WHERE {where}", {"account": account})

        kept = f"SELECT 1 FROM ledger_snapshot WHERE {where} AND {change.replace(',', ' AND')}"
        assert sql.run(kept, {"account": account}) == [(1,)]

    @pytest.mark.parametrize(
        "change",
        [
            "debits = 4",
            "credits = 4",
            "debits = 9, credits = 4",
            "epoch = 6",
            "layer = 'pending'",
            "account_id = gen_random_uuid()",
        ],
    )
    def test_is_not_changed_otherwise(self, sql: Sql, change: str) -> None:
        snapshot(sql)

        with pytest.raises(errors.RestrictViolation, match="only grows"):
            sql.run(f"UPDATE ledger_snapshot SET {change} WHERE epoch = 7")

    @pytest.mark.parametrize("change", ["DELETE FROM {}", "TRUNCATE {}"])
    def test_is_not_taken_away_by_the_serving_role(self, as_serving: Sql, change: str) -> None:
        with pytest.raises(errors.InsufficientPrivilege):
            as_serving.run(change.format("ledger_snapshot"))
