"""The statement that books a posting, as pieces another statement can carry.

One round trip writes what is missing of the accounts, the header and the legs. A caller with a
statement of its own splices ``ctes(guard)`` in front of it and adds ``params(posting)``::

    WITH fresh AS (INSERT INTO … RETURNING id), {ctes("fresh")} SELECT …

Everything is booked if the CTE ``guard`` has a row, and nothing if it has none. ``ledger_header``
then has one row if the posting was booked now, and none if it was booked before, or if what it
resolves is not pending: ``books.check_same`` tells.
"""

from typing import Any
from uuid import UUID

from core.caches import process_caches
from core.ids import uuid7
from ledger.accounts import Account
from ledger.legs import MOST_PENDING_LEGS, Posting

# What has no pending legs, or none this statement can see, or is another merchant's, cannot be
# resolved.
ASKED = """
    SELECT FROM {guard}
    WHERE %(ledger_resolves)s::uuid IS NULL OR EXISTS (
        SELECT FROM ledger_transaction h JOIN ledger_transfer t ON t.transaction_id = h.id
        WHERE h.id = %(ledger_resolves)s::uuid AND h.mode = %(ledger_mode)s
          AND h.merchant_id = %(ledger_merchant_id)s::uuid
          AND t.layer = 'pending' AND NOT t.reversal
    )
    LIMIT 1
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
INSERT_TRANSACTION = """
    INSERT INTO ledger_transaction
        (id, kind, source_id, merchant_id, mode, resolves_id, flags, occurred_at)
    SELECT %(ledger_id)s::uuid, %(ledger_kind)s, %(ledger_source_id)s::uuid,
           %(ledger_merchant_id)s::uuid, %(ledger_mode)s, %(ledger_resolves)s::uuid,
           %(ledger_flags)s, coalesce(%(ledger_occurred_at)s::timestamptz, now())
    FROM ledger_asked
    ON CONFLICT DO NOTHING
    RETURNING id, mode
"""

INSERT_TRANSFERS = """
    INSERT INTO ledger_transfer
        (id, transaction_id, layer, debit_account_id, credit_account_id, currency, mode, amount)
    SELECT leg.id, header.id, leg.layer, leg.debit, leg.credit, leg.currency, header.mode,
           leg.amount
    FROM ledger_header AS header
    CROSS JOIN unnest(%(ledger_leg_ids)s::uuid[], %(ledger_leg_layers)s::text[],
                      %(ledger_leg_debits)s::uuid[], %(ledger_leg_credits)s::uuid[],
                      %(ledger_leg_currencies)s::text[], %(ledger_leg_amounts)s::bigint[])
        AS leg (id, layer, debit, credit, currency, amount)
"""

# The pending legs of what is resolved, with their ends exchanged: no rest can stay behind, and both
# layers stay plain sums.
INSERT_MIRRORS = """
    INSERT INTO ledger_transfer (id, transaction_id, layer, debit_account_id, credit_account_id,
                                 currency, mode, amount, reversal)
    SELECT mirror.id, header.id, pending.layer, pending.credit_account_id,
           pending.debit_account_id, pending.currency, header.mode, pending.amount, true
    FROM ledger_header AS header
    CROSS JOIN (
        SELECT t.*, row_number() OVER (ORDER BY t.id) AS place FROM ledger_transfer t
        WHERE t.transaction_id = %(ledger_resolves)s::uuid AND t.layer = 'pending'
          AND NOT t.reversal
    ) AS pending
    JOIN unnest(%(ledger_mirror_ids)s::uuid[]) WITH ORDINALITY AS mirror (id, place)
        USING (place)
"""

# Account ids this process has seen committed; bounded, because merchants are not.
MOST_KNOWN_ACCOUNTS = 100_000
known_accounts: set[UUID] = set()
process_caches.append(known_accounts.clear)


def ctes(guard: str) -> str:
    """Return the CTEs that book one posting if ``guard`` has a row."""
    return (
        f"ledger_asked AS ({ASKED.format(guard=guard)}), "
        f"ledger_accounts AS ({INSERT_ACCOUNTS}), "
        f"ledger_header AS ({INSERT_TRANSACTION}), "
        f"ledger_legs AS ({INSERT_TRANSFERS}), "
        f"ledger_mirrors AS ({INSERT_MIRRORS})"
    )


POST = f"""
    WITH ledger_go AS (SELECT), {ctes("ledger_go")}
    SELECT EXISTS (SELECT FROM ledger_header)
"""  # noqa: S608 - our own constants


def params(posting: Posting) -> dict[str, Any]:
    """Return the parameters of ``ctes`` and ``POST``."""
    return _account_params(posting) | _leg_params(posting) | {
        "ledger_id": posting.id,
        "ledger_kind": posting.kind,
        "ledger_source_id": posting.source_id,
        "ledger_merchant_id": posting.merchant_id,
        "ledger_mode": posting.mode,
        "ledger_resolves": posting.resolves,
        "ledger_flags": posting.flags,
        "ledger_occurred_at": posting.occurred_at,
        "ledger_mirror_ids": _mirror_ids(posting),
    }  # fmt: skip


def _mirror_ids(posting: Posting) -> list[UUID]:
    # Only the statement knows how many legs are pending, so it is given ids enough.
    return [uuid7() for _ in range(MOST_PENDING_LEGS)] if posting.resolves else []


def _account_params(posting: Posting) -> dict[str, Any]:
    missing = _by_id(
        {account for account in posting.accounts() if account.id not in known_accounts}
    )
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


def _leg_params(posting: Posting) -> dict[str, Any]:
    return {
        "ledger_leg_ids": [uuid7() for _ in posting.legs],
        "ledger_leg_layers": [leg.layer.value for leg in posting.legs],
        "ledger_leg_debits": [leg.debit.id for leg in posting.legs],
        "ledger_leg_credits": [leg.credit.id for leg in posting.legs],
        "ledger_leg_currencies": [leg.debit.currency for leg in posting.legs],
        "ledger_leg_amounts": [leg.amount for leg in posting.legs],
    }
