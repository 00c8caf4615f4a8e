"""The ledger's one verb, ``post``, and its two questions, ``balance`` and ``balances``.

A business fact is named by ``(kind, source_id)`` and booked once. What is only expected stands in
the *pending* layer until one later posting ``resolves`` it. That one names only what really
happened, if anything; every pending leg is mirrored for it. A full capture is::

    post(kind="payment.captured", source_id=payment_id, …,
         resolves=transaction_id("payment.created", payment_id),
         legs=[Leg(Layer.POSTED, receivable, payable, amount)])

and a failure is the same with ``legs=[]``. A caller that writes more than the books in the same
statement uses the pieces in ``ledger.sql``, then ``remember_accounts`` if the posting was booked
and ``check_same`` if not.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from core import db
from core.db import needs_transaction
from core.meanings import on_sqlite
from ledger import portable, rollup, sql
from ledger.accounts import CHART, Account
from ledger.legs import Layer, Leg, Posting, transaction_id
from ledger.models import Transaction, Transfer

__all__ = ["Account", "Layer", "Leg", "Posting", "transaction_id"]


class BookingRefused(Exception):
    """The books already say something else, or miss what the posting builds on."""


class ReferenceReused(BookingRefused):
    """The same business fact was booked before with other legs."""


class AlreadyResolved(BookingRefused):
    """Another business fact resolved this pending transaction before."""


class NothingToResolve(BookingRefused):
    """Nothing of this merchant is pending under this id, or its writer has not committed."""


def post(  # noqa: PLR0913 - a posting's parts, all by keyword
    *,
    kind: str,
    source_id: UUID,
    merchant_id: UUID,
    mode: str,
    legs: Sequence[Leg],
    resolves: UUID | None = None,
    flags: str = "",
    occurred_at: datetime | None = None,
) -> bool:
    """Book the legs, exactly once however often it is asked; False says: booked before.

    :raises ReferenceReused: if this fact was booked before with other legs
    :raises AlreadyResolved: if another fact resolved ``resolves``
    :raises NothingToResolve: if nothing is pending under ``resolves``
    """
    return book(
        Posting(
            kind=kind,
            source_id=source_id,
            merchant_id=merchant_id,
            mode=mode,
            legs=tuple(legs),
            resolves=resolves,
            flags=flags,
            occurred_at=occurred_at,
        )
    )


def book(posting: Posting) -> bool:
    """Book a posting, exactly once however often it is asked; False says: booked before.

    :raises ReferenceReused: if this fact was booked before with other legs
    :raises AlreadyResolved: if another fact resolved ``resolves``
    :raises NothingToResolve: if nothing is pending under ``resolves``
    """
    return bool(book_all([posting]))


@needs_transaction
def book_all(postings: Sequence[Posting]) -> set[UUID]:
    """Book postings in one statement, each exactly once; return the ids of those booked now.

    None of them may resolve another. Raises what ``book`` raises.
    """
    # One order everywhere, or two groups with facts in common could deadlock.
    ordered = sorted(postings, key=lambda posting: posting.id)
    if not ordered:
        return set()
    if on_sqlite():
        booked = {posting.id for posting in ordered if portable.book(posting)}
    else:
        booked = {header for (header,) in db.rows(sql.POST, sql.params(*ordered))}
    for posting in ordered:
        if posting.id in booked:
            remember_accounts(posting)
        else:
            check_same(posting)
    return booked


def remember_accounts(posting: Posting) -> None:
    """Spare later statements these accounts, once the current transaction has committed."""
    unknown = {account.id for account in posting.accounts()} - sql.known_accounts
    if unknown:
        db.after_commit(lambda: _remember(unknown))


def _remember(account_ids: set[UUID]) -> None:
    if len(sql.known_accounts) + len(account_ids) > sql.MOST_KNOWN_ACCOUNTS:
        sql.known_accounts.clear()
    sql.known_accounts.update(account_ids)


def check_same(posting: Posting) -> None:
    """Compare a posting that was not booked now with what the books say.

    :raises ReferenceReused: if this fact was booked before with other legs
    :raises AlreadyResolved: if another fact resolved ``resolves``
    :raises NothingToResolve: if nothing is pending under ``resolves``
    """
    booked = Transaction.objects.filter(kind=posting.kind, source_id=posting.source_id).first()
    if booked is None:
        if Transaction.objects.filter(resolves=posting.resolves).exists():
            raise AlreadyResolved(posting.resolves)
        raise NothingToResolve(posting.resolves)
    header = (booked.id, booked.merchant_id, booked.mode, booked.resolves_id)
    asked = (posting.id, posting.merchant_id, posting.mode, posting.resolves)
    if header != asked or _booked_legs(posting.id) != _asked_legs(posting):
        raise ReferenceReused(posting.kind, posting.source_id)


def _booked_legs(header_id: UUID) -> Counter[tuple[object, ...]]:
    legs = Transfer.objects.filter(transaction=header_id, reversal=False)
    return Counter(legs.values_list("layer", "debit_account_id", "credit_account_id", "amount"))


def _asked_legs(posting: Posting) -> Counter[tuple[object, ...]]:
    return Counter(
        (leg.layer.value, leg.debit.id, leg.credit.id, leg.amount) for leg in posting.legs
    )


@dataclass(frozen=True, slots=True)
class Balance:
    """What a merchant has in one currency, in minor units."""

    currency: str
    pending: int
    available: int


def balances(merchant_id: UUID, mode: str) -> list[Balance]:
    """Sum what a merchant is owed, by currency: what is expected, and what may be taken out."""
    read = portable.balances if on_sqlite() else rollup.balances
    return [Balance(*found) for found in read(merchant_id, mode)]


def balance(account: Account, layer: Layer) -> int:
    """Sum one account in one layer, positive on the account's normal side."""
    read = portable.net_debit if on_sqlite() else rollup.net_debit
    net = read(account.id, layer.value)
    return net if CHART[account.code].is_debit_normal else -net
