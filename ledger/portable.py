"""What ``ledger.sql`` says in one statement, in the ORM's words: for SQLite, and as its meaning."""

from django.db.models import QuerySet

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
    models.Transfer.objects.bulk_create([*_mirrors(posting), *_legs(posting)])
    return True


def _may_be_booked(posting: Posting) -> bool:
    booked = models.Transaction.objects
    if booked.filter(pk=posting.id).exists():
        return False
    if posting.resolves is None:
        return True
    if booked.filter(resolves=posting.resolves).exists():
        return False
    return _pending(posting).exists()


def _pending(posting: Posting) -> QuerySet[models.Transfer]:
    if posting.resolves is None:
        return models.Transfer.objects.none()
    return models.Transfer.objects.filter(
        transaction=posting.resolves,
        transaction__merchant_id=posting.merchant_id,
        transaction__mode=posting.mode,
        layer=Layer.PENDING,
        reversal=False,
    )


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
            reversal=False,
        )
        for leg in posting.legs
    ]


def _mirrors(posting: Posting) -> list[models.Transfer]:
    return [
        models.Transfer(
            transaction_id=posting.id,
            layer=Layer.PENDING,
            debit_account_id=leg.credit_account_id,
            credit_account_id=leg.debit_account_id,
            currency=leg.currency,
            mode=posting.mode,
            amount=leg.amount,
            reversal=True,
        )
        for leg in _pending(posting).order_by("id")
    ]
