"""What ``ledger.sql`` says in one statement, in the ORM's words: for SQLite, and as its meaning."""

from collections import Counter

from ledger import models
from ledger.legs import Layer, Posting


def book(posting: Posting) -> bool:
    """Book the posting unless its reference is taken, or what it resolves does not fit."""
    if not _may_be_booked(posting):
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
    models.Transfer.objects.bulk_create(_legs(posting))
    return True


def _may_be_booked(posting: Posting) -> bool:
    booked = models.Transaction.objects
    if booked.filter(pk=posting.id).exists():
        return False
    if posting.resolves is None:
        return True
    if booked.filter(resolves=posting.resolves).exists():
        return False
    return _owed(posting) == _given(posting)


def _owed(posting: Posting) -> Counter[tuple[object, ...]]:
    pending = models.Transfer.objects.filter(
        transaction=posting.resolves, layer=Layer.PENDING, reversal=False
    )
    return Counter(pending.values_list("credit_account", "debit_account", "amount"))


def _given(posting: Posting) -> Counter[tuple[object, ...]]:
    mirrors = (leg for leg in posting.legs if leg.layer == Layer.PENDING)
    return Counter((leg.debit.id, leg.credit.id, leg.amount) for leg in mirrors)


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


def _legs(posting: Posting) -> list[models.Transfer]:
    return [
        models.Transfer(
            transaction_id=posting.id,
            layer=leg.layer,
            debit_account_id=leg.debit.id,
            credit_account_id=leg.credit.id,
            currency=leg.debit.currency,
            mode=posting.mode,
            amount=leg.amount,
            reversal=leg.layer == Layer.PENDING and posting.resolves is not None,
        )
        for leg in posting.legs
    ]
