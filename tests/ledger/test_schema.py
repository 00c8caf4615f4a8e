"""What PostgreSQL itself refuses to add, in plain SQL, as both roles."""

from uuid import uuid4

import pytest
from psycopg2 import errors

from tests.ledger.plain_sql import FORGED_LEG, LEG, Sql


class TestAccounts:
    @pytest.mark.parametrize(
        ("changes", "constraint"),
        [
            ({"code": "petty_cash"}, "ledger_account_code_in_chart"),
            ({"mode": "prod"}, "ledger_account_known_mode"),
            ({"currency": "inr"}, "ledger_account_currency_is_iso"),
            ({"currency": "IN"}, "ledger_account_currency_is_iso"),
            ({"owner": ""}, "ledger_account_owner_fits_code"),
            ({"code": "fee_income"}, "ledger_account_owner_fits_code"),
        ],
    )
    def test_outside_the_chart_are_refused(
        self, sql: Sql, changes: dict[str, str], constraint: str
    ) -> None:
        with pytest.raises(errors.CheckViolation, match=constraint):
            sql.account(**changes)

    def test_exist_once(self, sql: Sql) -> None:
        merchant = str(uuid4())
        sql.account(owner=merchant)

        with pytest.raises(errors.UniqueViolation, match="ledger_account_once"):
            sql.account(owner=merchant)


class TestHeaders:
    def test_of_one_fact_exist_once(self, sql: Sql) -> None:
        fact = uuid4()
        sql.header(source=fact)

        with pytest.raises(errors.UniqueViolation, match="ledger_fact_booked_once"):
            sql.header(source=fact)

    def test_resolve_a_transaction_once(self, sql: Sql) -> None:
        pending = sql.header()
        sql.header(resolves=pending)

        with pytest.raises(errors.UniqueViolation, match="ledger_transaction_resolved_once"):
            sql.header(resolves=pending)

    def test_cannot_resolve_themselves(self, sql: Sql) -> None:
        own = uuid4()

        with pytest.raises(errors.CheckViolation, match="ledger_transaction_resolves_another"):
            sql.header(id=own, resolves=own)

    def test_cannot_resolve_what_is_not_there(self, sql: Sql) -> None:
        sql.header(resolves=uuid4())

        with pytest.raises(errors.ForeignKeyViolation, match="resolves_id"):
            sql.connection.commit()

    @pytest.mark.parametrize(
        ("changes", "constraint"),
        [
            ({"mode": "prod"}, "ledger_transaction_known_mode"),
            ({"kind": ""}, "ledger_transaction_has_a_kind"),
        ],
    )
    def test_without_kind_or_mode_are_refused(
        self, sql: Sql, changes: dict[str, str], constraint: str
    ) -> None:
        with pytest.raises(errors.CheckViolation, match=constraint):
            sql.header(**changes)


class TestLegs:
    def test_with_everything_right_are_taken(self, sql: Sql) -> None:
        leg = sql.leg()

        assert sql.run("SELECT amount FROM ledger_transfer WHERE id = %(id)s", {"id": leg})

    @pytest.mark.parametrize(
        ("changes", "constraint"),
        [
            ({"amount": 0}, "ledger_transfer_amount_in_range"),
            ({"amount": -5}, "ledger_transfer_amount_in_range"),
            ({"amount": 1_000_000_000_000}, "ledger_transfer_amount_in_range"),
            ({"layer": "maybe"}, "ledger_transfer_known_layer"),
            ({"reversal": True}, "ledger_transfer_reverses_pending"),
        ],
    )
    def test_with_a_wrong_value_are_refused(
        self, sql: Sql, changes: dict[str, object], constraint: str
    ) -> None:
        with pytest.raises(errors.CheckViolation, match=constraint):
            sql.leg(**changes)

    def test_need_two_accounts(self, sql: Sql) -> None:
        account = sql.account()

        with pytest.raises(errors.CheckViolation, match="ledger_transfer_two_accounts"):
            sql.leg(debit=account, credit=account)

    @pytest.mark.parametrize("end", ["debit", "credit"])
    @pytest.mark.parametrize("change", [{"currency": "EUR"}, {"mode": "live"}])
    def test_cannot_end_in_another_currency_or_mode(
        self, sql: Sql, end: str, change: dict[str, str]
    ) -> None:
        elsewhere = sql.account(**change)

        with pytest.raises(errors.ForeignKeyViolation, match=f"{end}_currency_and_mode"):
            sql.leg(**{end: elsewhere})

    def test_cannot_belong_to_a_header_of_another_mode(self, sql: Sql) -> None:
        live = sql.header(mode="live")

        with pytest.raises(errors.ForeignKeyViolation, match="joins_its_own_transaction"):
            sql.leg(header=live)

    def test_need_a_header(self, sql: Sql) -> None:
        with pytest.raises(errors.ForeignKeyViolation, match="joins_its_own_transaction"):
            sql.leg(header=uuid4())

    @pytest.mark.parametrize("statement", [LEG, FORGED_LEG], ids=["plain", "with a forged xid"])
    def test_cannot_join_an_older_transaction(self, committing_sql: Sql, statement: str) -> None:
        header = committing_sql.header()
        committing_sql.connection.commit()

        with pytest.raises(errors.ForeignKeyViolation, match="joins_its_own_transaction"):
            committing_sql.leg(statement, header=header)

    def test_join_their_header_from_a_savepoint(self, sql: Sql) -> None:
        header = sql.header()
        sql.run("SAVEPOINT one")

        leg = sql.leg(header=header)

        whole = """
            SELECT t.xid = h.xid FROM ledger_transfer t
            JOIN ledger_transaction h ON h.id = t.transaction_id WHERE t.id = %(leg)s
        """
        assert sql.run(whole, {"leg": leg}) == [(True,)]
