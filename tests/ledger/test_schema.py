"""What PostgreSQL itself refuses, whoever asks, in plain SQL."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import psycopg2
import pytest
from psycopg2 import errors
from psycopg2.extensions import connection as Connection

from tests import servers
from tests.conftest import Database

ACCOUNT = """
    INSERT INTO ledger_account (id, code, owner, currency, mode)
    VALUES (%(id)s, %(code)s, %(owner)s, %(currency)s, %(mode)s)
"""
HEADER = """
    INSERT INTO ledger_transaction (id, kind, source_id, merchant_id, mode, resolves_id)
    VALUES (%(id)s, %(kind)s, %(source)s, %(merchant)s, %(mode)s, %(resolves)s)
"""
LEG = """
    INSERT INTO ledger_transfer (id, transaction_id, layer, debit_account_id, credit_account_id,
                                 currency, mode, amount, reversal)
    VALUES (%(id)s, %(header)s, %(layer)s, %(debit)s, %(credit)s, %(currency)s, %(mode)s,
            %(amount)s, %(reversal)s)
"""
FORGED_LEG = """
    INSERT INTO ledger_transfer (id, transaction_id, layer, debit_account_id, credit_account_id,
                                 currency, mode, amount, xid)
    VALUES (%(id)s, %(header)s, %(layer)s, %(debit)s, %(credit)s, %(currency)s, %(mode)s,
            %(amount)s, (SELECT xid FROM ledger_transaction WHERE id = %(header)s))
"""
TABLES = ["ledger_account", "ledger_transaction", "ledger_transfer"]


class Sql:
    """One connection, and rows that are right unless a test says otherwise."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def run(self, statement: str, values: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def account(self, **changes: object) -> UUID:
        values = {
            "id": uuid4(),
            "code": "merchant_payable",
            "owner": str(uuid4()),
            "currency": "INR",
            "mode": "test",
        } | changes
        self.run(ACCOUNT, values)
        return values["id"]  # type: ignore[return-value]

    def header(self, **changes: object) -> UUID:
        values = {
            "id": uuid4(),
            "kind": "sold",
            "source": uuid4(),
            "merchant": uuid4(),
            "mode": "test",
            "resolves": None,
        } | changes
        self.run(HEADER, values)
        return values["id"]  # type: ignore[return-value]

    def leg(self, statement: str = LEG, /, **changes: object) -> UUID:
        values = {
            "id": uuid4(),
            "layer": "posted",
            "currency": "INR",
            "mode": "test",
            "amount": 1,
            "reversal": False,
        } | changes
        ends = {"debit", "credit"} - values.keys()
        values |= {end: self.account() for end in ends}
        values.setdefault("header", None)
        values["header"] = values["header"] or self.header()
        self.run(statement, values)
        return values["id"]  # type: ignore[return-value]


@pytest.fixture
def as_owner(owner: Connection) -> Sql:
    return Sql(owner)


@pytest.fixture
def as_serving(django_db_setup: None) -> Iterator[Sql]:
    url = servers.DATABASES.url(servers.DATABASES.shared)
    with closing(servers.connect(url)) as connection:
        yield Sql(connection)


@pytest.fixture
def as_superuser(django_db_setup: None) -> Iterator[Sql]:
    shared = urlsplit(servers.DATABASES.admin_url)._replace(path=servers.DATABASES.shared)
    with closing(servers.connect(urlunsplit(shared))) as connection:
        superuser = Sql(connection)
        if superuser.run("SHOW is_superuser") != [("on",)]:
            pytest.skip("this server's DATABASE_URL is not a superuser's")
        yield superuser


@pytest.fixture(params=["as_owner", "as_serving"])
def sql(request: pytest.FixtureRequest) -> Sql:
    """Meet each constraint as both roles; nothing is committed."""
    either: Sql = request.getfixturevalue(request.param)
    return either


@pytest.fixture(params=[True, False], ids=["as_owner", "as_serving"])
def committing_sql(request: pytest.FixtureRequest, committed_db: Database) -> Iterator[Sql]:
    with closing(committed_db.connect(owner=request.param)) as connection:
        yield Sql(connection)


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
