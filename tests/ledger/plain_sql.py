"""Rows written by hand: right, unless a test says otherwise."""

from typing import Any
from uuid import UUID, uuid4

from psycopg2.extensions import connection as Connection

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
