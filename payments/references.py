"""A reference names one payment of a merchant and mode; whoever comes second is told which.

The database decides (``payment_reference_once``): the create statement is refused as a whole, and
only then is anybody asked who has the reference. So a create that is not refused asks nobody.
"""

from typing import NoReturn

from django.db.models import QuerySet
from django.http import HttpResponse

from core import idempotency
from core.db import transaction
from core.errors import Problem
from payments.models import Payment
from payments.unsaved import NewPayment


def is_taken(payment: NewPayment) -> bool:
    """Tell whether another payment has the reference of this one, which is not written."""
    return bool(payment.reference) and _holders(payment).exists()


def answer_taken(claim: idempotency.Claim, payment: NewPayment, trace: str) -> HttpResponse:
    """Refuse a payment whose reference is taken, now and whenever its key is sent again.

    :raises Problem: ``idempotency-in-progress`` or ``idempotency-key-reused``
    """

    def refuse() -> NoReturn:
        raise Problem(
            "duplicate-reference",
            "Another payment of yours has this reference.",
            payment=str(_holders(payment).values_list("id", flat=True).get()),
        )

    with transaction():
        return idempotency.once(claim, refuse, trace)


def _holders(payment: NewPayment) -> QuerySet[Payment]:
    return Payment.objects.filter(
        merchant_id=payment.merchant_id, mode=payment.mode, reference=payment.reference
    )
