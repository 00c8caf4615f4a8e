"""What ``ledger.sql`` and ``ledger.rollup`` mean, said plainly: for SQLite, and to test them by."""

from uuid import UUID

from django.db.models import Q, QuerySet, Sum

from core import db
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


# One statement is one snapshot, so both figures belong together. A reversal takes back what was
# pending on the account's other side; it is not a pending leg of its own.
BALANCES = """
    WITH mine AS (
        SELECT id, currency FROM ledger_account
        WHERE code = 'merchant_payable' AND owner = %s AND mode = %s
    ), sides AS (
        SELECT mine.currency,
               CASE WHEN t.layer = 'pending' AND NOT t.reversal THEN t.amount END AS pending,
               CASE WHEN t.layer = 'posted' OR t.reversal THEN t.amount END AS available
        FROM mine JOIN ledger_transfer t ON t.credit_account_id = mine.id
        UNION ALL
        SELECT mine.currency,
               CASE WHEN t.reversal THEN -t.amount END,
               CASE WHEN NOT t.reversal THEN -t.amount END
        FROM mine JOIN ledger_transfer t ON t.debit_account_id = mine.id
    )
    SELECT currency, coalesce(sum(pending), 0), coalesce(sum(available), 0)
    FROM sides GROUP BY currency ORDER BY currency
"""


def balances(merchant_id: UUID, mode: str) -> list[tuple[str, int, int]]:
    """Return pending and available of a merchant, by currency."""
    found = db.rows(BALANCES, [str(merchant_id), mode])
    return [(currency, int(pending), int(available)) for currency, pending, available in found]


def net_debit(account_id: UUID, layer: str) -> int:
    """Return debits less credits of an account in one layer."""
    legs = models.Transfer.objects.filter(
        Q(debit_account=account_id) | Q(credit_account=account_id)
    )
    sums = legs.filter(layer=layer).aggregate(
        debits=Sum("amount", filter=Q(debit_account=account_id), default=0),
        credits=Sum("amount", filter=Q(credit_account=account_id), default=0),
    )
    return int(sums["debits"] - sums["credits"])
