"""What ``ledger.sql`` says in one statement, in the ORM's words: for SQLite, and as its meaning."""

from collections.abc import Iterator

from ledger import models
from ledger.legs import Layer, Posting


def book(posting: Posting) -> bool:
    """Book the posting unless its reference, or what it resolves, is taken."""
    if _is_taken(posting):
        return False
    models.Account.objects.bulk_create(_accounts(posting), ignore_conflicts=True)
    moment = {"occurred_at": posting.occurred_at} if posting.occurred_at else {}
    models.Transaction.objects.create(
        id=posting.id,
        kind=posting.kind,
        source_id=posting.source_id,
        merchant_id=posting.merchant_id,
        mode=posting.mode,
        resolves_id=posting.resolves,
        flags=posting.flags,
        **moment,
    )
    models.Transfer.objects.bulk_create([*_legs(posting), *_mirrors(posting)])
    return True


def _is_taken(posting: Posting) -> bool:
    booked = models.Transaction.objects
    if booked.filter(pk=posting.id).exists():
        return True
    if posting.resolves is None:
        return False
    is_known = booked.filter(pk=posting.resolves).exists()
    return not is_known or booked.filter(resolves=posting.resolves).exists()


def _accounts(posting: Posting) -> list[models.Account]:
    return [
        models.Account(
            id=account.id,
            code=account.code,
            owner=account.owner,
            currency=account.currency,
            mode=account.mode,
        )
        for account in sorted(set(posting.accounts()), key=lambda account: account.id)
    ]


def _legs(posting: Posting) -> Iterator[models.Transfer]:
    for leg in posting.legs:
        yield models.Transfer(
            transaction_id=posting.id,
            layer=leg.layer,
            debit_account_id=leg.debit.id,
            credit_account_id=leg.credit.id,
            currency=leg.debit.currency,
            mode=posting.mode,
            amount=leg.amount,
            reversal=False,
        )


def _mirrors(posting: Posting) -> Iterator[models.Transfer]:
    pending = models.Transfer.objects.filter(
        transaction=posting.resolves, layer=Layer.PENDING, reversal=False
    )
    for leg in pending.order_by("id") if posting.resolves else ():
        yield models.Transfer(
            transaction_id=posting.id,
            layer=Layer.PENDING,
            debit_account_id=leg.credit_account_id,
            credit_account_id=leg.debit_account_id,
            currency=leg.currency,
            mode=posting.mode,
            amount=leg.amount,
            reversal=True,
        )
