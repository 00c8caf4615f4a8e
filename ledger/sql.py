"""The statement that books postings, as pieces another statement can carry.

One round trip writes what is missing of the accounts, the headers and the legs. A caller with a
statement of its own splices ``ctes(guard)`` in front of it and adds ``params(posting, …)``::

    WITH fresh AS (INSERT INTO … RETURNING id), {ctes("fresh")} SELECT …

Everything is booked if the CTE ``guard`` has a row, and nothing if it has none. ``ledger_headers``
then has a row for each posting that was booked now, and none for one that was booked before, or
whose ``resolves`` is not pending: ``books.check_same`` tells which.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from core.caches import process_caches
from core.ids import uuid7, uuid7_text
from ledger.accounts import Account
from ledger.legs import MOST_PENDING_LEGS, Posting

# What has no pending legs, or none this statement can see, or is another merchant's, cannot be
# resolved.
ASKED = """
    SELECT asked.*
    FROM unnest(%(ledger_ids)s::uuid[], %(ledger_kinds)s::text[], %(ledger_source_ids)s::uuid[],
                %(ledger_merchant_ids)s::uuid[], %(ledger_modes)s::text[],
                %(ledger_resolves)s::uuid[], %(ledger_flags)s::text[],
                %(ledger_occurred_at)s::timestamptz[])
        AS asked (id, kind, source_id, merchant_id, mode, resolves, flags, occurred_at)
    WHERE EXISTS (SELECT FROM {guard}) AND (asked.resolves IS NULL OR EXISTS (
        SELECT FROM ledger_transaction h JOIN ledger_transfer t ON t.transaction_id = h.id
        WHERE h.id = asked.resolves AND h.mode = asked.mode AND h.merchant_id = asked.merchant_id
          AND t.layer = 'pending' AND NOT t.reversal
    ))
"""

# Rows that exist already, or that another transaction is just adding, are left as they are.
INSERT_ACCOUNTS = """
    INSERT INTO ledger_account (id, code, owner, currency, mode)
    SELECT missing.*
    FROM unnest(%(ledger_account_ids)s::uuid[], %(ledger_account_codes)s::text[],
                %(ledger_account_owners)s::text[], %(ledger_account_currencies)s::text[],
                %(ledger_account_modes)s::text[]) AS missing
    WHERE EXISTS (SELECT FROM ledger_asked)
    ON CONFLICT DO NOTHING
"""

# No conflict target: any of id, (kind, source_id) and resolves may be met first in a race, and an
# index that is not named would raise instead of waiting.
INSERT_TRANSACTIONS = """
    INSERT INTO ledger_transaction
        (id, kind, source_id, merchant_id, mode, resolves_id, flags, occurred_at)
    SELECT id, kind, source_id, merchant_id, mode, resolves, flags, coalesce(occurred_at, now())
    FROM ledger_asked
    ON CONFLICT DO NOTHING
    RETURNING id, mode, resolves_id
"""

INSERT_TRANSFERS = """
    INSERT INTO ledger_transfer
        (id, transaction_id, layer, debit_account_id, credit_account_id, currency, mode, amount)
    SELECT leg.id, header.id, leg.layer, leg.debit, leg.credit, leg.currency, header.mode,
           leg.amount
    FROM ledger_headers AS header
    JOIN unnest(%(ledger_leg_ids)s::uuid[], %(ledger_leg_headers)s::uuid[],
                %(ledger_leg_layers)s::text[], %(ledger_leg_debits)s::uuid[],
                %(ledger_leg_credits)s::uuid[], %(ledger_leg_currencies)s::text[],
                %(ledger_leg_amounts)s::bigint[])
        AS leg (id, header, layer, debit, credit, currency, amount) ON leg.header = header.id
"""

# The pending legs of what is resolved, with their ends exchanged: no rest can stay behind, and both
# layers stay plain sums.
INSERT_MIRRORS = """
    INSERT INTO ledger_transfer (id, transaction_id, layer, debit_account_id, credit_account_id,
                                 currency, mode, amount, reversal)
    SELECT mirror.id, pending.header, 'pending', pending.credit_account_id,
           pending.debit_account_id, pending.currency, pending.mode, pending.amount, true
    FROM (
        SELECT t.*, header.id AS header, row_number() OVER (ORDER BY t.id) AS place
        FROM ledger_headers AS header
        JOIN ledger_transfer t ON t.transaction_id = header.resolves_id
        WHERE t.layer = 'pending' AND NOT t.reversal
    ) AS pending
    JOIN unnest(%(ledger_mirror_ids)s::uuid[]) WITH ORDINALITY AS mirror (id, place)
        USING (place)
"""

# Account ids this process has seen committed; bounded, because merchants are not.
MOST_KNOWN_ACCOUNTS = 100_000
known_accounts: set[UUID] = set()
process_caches.append(known_accounts.clear)


def ctes(guard: str) -> str:
    """Return the CTEs that book the postings if ``guard`` has a row."""
    return (
        f"ledger_asked AS ({ASKED.format(guard=guard)}), "
        f"ledger_accounts AS ({INSERT_ACCOUNTS}), "
        f"ledger_headers AS ({INSERT_TRANSACTIONS}), "
        f"ledger_legs AS ({INSERT_TRANSFERS}), "
        f"ledger_mirrors AS ({INSERT_MIRRORS})"
    )


# What a caller's statement may know by another name already, or know for good.
_SAID = ("kind", "source_id", "merchant_id", "mode", "flags", "layer", "currency", "amount")

# Most postings by far: one leg, between accounts that are known to be there, that resolves
# nothing. Without the arrays, and the inserts of no row, it takes the server half of the time.
_ONE = """
    ledger_headers AS (
        INSERT INTO ledger_transaction
            (id, kind, source_id, merchant_id, mode, resolves_id, flags, occurred_at)
        SELECT %(ledger_id)s, {kind}, {source_id}, {merchant_id}, {mode}, NULL, {flags}, now()
        FROM {guard}
        ON CONFLICT DO NOTHING
        RETURNING id, mode),
    ledger_legs AS (
        INSERT INTO ledger_transfer
            (id, transaction_id, layer, debit_account_id, credit_account_id, currency, mode, amount)
        SELECT %(ledger_leg_id)s, id, {layer}, %(ledger_debit)s, %(ledger_credit)s, {currency},
               mode, {amount}
        FROM ledger_headers)
"""


def ctes_of_one(guard: str, **said: str) -> str:
    """Return the CTEs that book one posting that ``is_simple``.

    ``said`` are the SQL of values that the caller's statement has anyway (``amount="%(amount)s"``):
    each parameter less is one less to send, to read and to work out.
    """
    placeholders = {name: f"%(ledger_{name})s" for name in _SAID}
    return _ONE.format(guard=guard, **{**placeholders, **said})


def is_simple(posting: Posting) -> bool:
    """Tell whether ``ctes_of_one`` can book this."""
    return (
        posting.resolves is None
        and posting.occurred_at is None
        and len(posting.legs) == 1
        and all(account.id in known_accounts for account in posting.accounts())
    )


def params_of_one(posting: Posting) -> dict[str, Any]:
    """Return the parameters of ``ctes_of_one``."""
    (leg,) = posting.legs
    return {
        "ledger_id": posting.id,
        "ledger_kind": posting.kind,
        "ledger_source_id": posting.source_id,
        "ledger_merchant_id": posting.merchant_id,
        "ledger_mode": posting.mode,
        "ledger_flags": posting.flags,
        "ledger_leg_id": uuid7_text(),
        "ledger_layer": leg.layer.value,
        "ledger_debit": leg.debit.id,
        "ledger_credit": leg.credit.id,
        "ledger_currency": leg.debit.currency,
        "ledger_amount": leg.amount,
    }


POST = f"""
    WITH ledger_go AS (SELECT), {ctes("ledger_go")}
    SELECT id FROM ledger_headers
"""  # noqa: S608 - our own constants


def params(*postings: Posting) -> dict[str, Any]:
    """Return the parameters of ``ctes`` and ``POST``."""
    return _account_params(postings) | _leg_params(postings) | {
        "ledger_ids": [posting.id for posting in postings],
        "ledger_kinds": [posting.kind for posting in postings],
        "ledger_source_ids": [posting.source_id for posting in postings],
        "ledger_merchant_ids": [posting.merchant_id for posting in postings],
        "ledger_modes": [posting.mode for posting in postings],
        "ledger_resolves": [posting.resolves for posting in postings],
        "ledger_flags": [posting.flags for posting in postings],
        "ledger_occurred_at": [posting.occurred_at for posting in postings],
        "ledger_mirror_ids": _mirror_ids(postings),
    }  # fmt: skip


def _mirror_ids(postings: Sequence[Posting]) -> list[UUID]:
    # Only the statement knows how many legs are pending, so it is given ids enough.
    resolutions = sum(posting.resolves is not None for posting in postings)
    return [uuid7() for _ in range(MOST_PENDING_LEGS * resolutions)]


def _account_params(postings: Sequence[Posting]) -> dict[str, Any]:
    accounts = {account for posting in postings for account in posting.accounts()}
    missing = _by_id({account for account in accounts if account.id not in known_accounts})
    return {
        "ledger_account_ids": [account.id for account in missing],
        "ledger_account_codes": [account.code for account in missing],
        "ledger_account_owners": [account.owner for account in missing],
        "ledger_account_currencies": [account.currency for account in missing],
        "ledger_account_modes": [account.mode for account in missing],
    }


def _by_id(accounts: set[Account]) -> list[Account]:
    # One order everywhere, or two transactions adding the same accounts could deadlock.
    return sorted(accounts, key=lambda account: account.id)


def _leg_params(postings: Sequence[Posting]) -> dict[str, Any]:
    legs = [(posting.id, leg) for posting in postings for leg in posting.legs]
    return {
        "ledger_leg_ids": [uuid7() for _ in legs],
        "ledger_leg_headers": [header for header, _ in legs],
        "ledger_leg_layers": [leg.layer.value for _, leg in legs],
        "ledger_leg_debits": [leg.debit.id for _, leg in legs],
        "ledger_leg_credits": [leg.credit.id for _, leg in legs],
        "ledger_leg_currencies": [leg.debit.currency for _, leg in legs],
        "ledger_leg_amounts": [leg.amount for _, leg in legs],
    }
