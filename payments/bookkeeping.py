"""Which transfers each step of a payment makes. The file that an accountant can read.

Pending legs say what is expected, posted legs what is so. A step that ends an expectation resolves
it, and the ledger then mirrors the pending legs by itself.
"""

from hashlib import md5
from uuid import UUID

from ledger import accounts
from ledger.books import Layer, Leg, Posting, transaction_id
from payments.models import Dispute, Operation, OperationKind, Payment, Refund
from payments.states import Status
from payments.unsaved import NewPayment

CREATED = "payment.created"
CAPTURED = "payment.captured"
FAILED = "payment.failed"
CANCELED = "payment.canceled"
EXPIRED = "payment.expired"
REFUND_ASKED = "refund.asked"
REFUND_CONFIRMED = "refund.confirmed"
REFUND_FAILED = "refund.failed"
CAPTURED_AGAIN = "surplus.captured"
REFUNDED_AGAIN = "surplus.refunded"
DISPUTE_OPENED = "dispute.opened"
DISPUTE_FEE = "dispute.fee"
DISPUTE_WON = "dispute.won"
DISPUTE_LOST = "dispute.lost"
KINDS = (
    CREATED,
    CAPTURED,
    FAILED,
    CANCELED,
    EXPIRED,
    REFUND_ASKED,
    REFUND_CONFIRMED,
    REFUND_FAILED,
    CAPTURED_AGAIN,
    REFUNDED_AGAIN,
    DISPUTE_OPENED,
    DISPUTE_FEE,
    DISPUTE_WON,
    DISPUTE_LOST,
)


# Which booking voids the expectation, by how the payment ended without money.
_ENDED = {Status.FAILED: FAILED, Status.CANCELED: CANCELED, Status.EXPIRED: EXPIRED}


def created(payment: NewPayment | Payment) -> Posting:
    """We expect the gateway to owe us the amount, and to owe it to the merchant."""
    gateway, merchant = _parties(payment)
    leg = Leg(Layer.PENDING, gateway, merchant, payment.amount)
    return _posting(CREATED, payment.id, payment, [leg])


def captured(payment: Payment, amount: int, *, late: bool, recovered: int = 0) -> Posting:
    """The money moved, or a part: that ends what was expected of it, wholly.

    It is ``late`` if we had already given it up and voided the expectation.

    ``recovered`` is what suspense had to bear of it, since we heard of its refunds before.
    """
    gateway, merchant = _parties(payment)
    legs = [Leg(Layer.POSTED, gateway, merchant, amount)]
    if recovered:
        legs.append(Leg(Layer.POSTED, merchant, _suspense(payment), recovered))
    if late:
        return _posting(CAPTURED, payment.id, payment, legs, flags="late")
    expected = transaction_id(CREATED, payment.id)
    return _posting(CAPTURED, payment.id, payment, legs, resolves=expected)


def ended(payment: Payment, status: Status) -> Posting:
    """The money will not move: it failed, was let go, or ran out. The expectation is void."""
    expected = transaction_id(CREATED, payment.id)
    return _posting(_ENDED[status], payment.id, payment, [], resolves=expected)


def refund_asked(payment: Payment, refund: Refund) -> Posting:
    """The merchant's money is set aside at once, so that no payout can take it."""
    _, merchant = _parties(payment)
    leg = Leg(Layer.POSTED, merchant, _clearing(payment), refund.amount)
    return _posting(REFUND_ASKED, refund.id, payment, [leg])


def refund_confirmed(payment: Payment, refund: Refund) -> Posting:
    """The gateway paid the refund and owes us that much less."""
    gateway, _ = _parties(payment)
    leg = Leg(Layer.POSTED, _clearing(payment), gateway, refund.amount)
    return _posting(REFUND_CONFIRMED, refund.id, payment, [leg])


def refund_failed(payment: Payment, refund: Refund, *, recovered: int) -> Posting:
    """The money set aside goes back to the merchant, but for what suspense had to bear so far."""
    _, merchant = _parties(payment)
    legs = [Leg(Layer.POSTED, _clearing(payment), merchant, refund.amount)]
    if recovered:
        legs.append(Leg(Layer.POSTED, merchant, _suspense(payment), recovered))
    return _posting(REFUND_FAILED, refund.id, payment, legs)


def refund_confirmed_late(payment: Payment, refund: Refund, *, beyond: int) -> Posting:
    """The gateway paid a refund we had given up; what the payment cannot bear, suspense does."""
    return _refund_paid(payment, refund, beyond, "late")


def refund_unasked(payment: Payment, refund: Refund, *, beyond: int) -> Posting:
    """The gateway paid a refund that we never asked for; suspense bears what the payment cannot."""
    return _refund_paid(payment, refund, beyond, "unasked")


def _refund_paid(payment: Payment, refund: Refund, beyond: int, flags: str) -> Posting:
    gateway, merchant = _parties(payment)
    shares = ((merchant, refund.amount - beyond), (_suspense(payment), beyond))
    legs = [Leg(Layer.POSTED, payer, gateway, share) for payer, share in shares if share]
    return _posting(REFUND_CONFIRMED, refund.id, payment, legs, flags=flags)


def moved_again(payment: Payment, operation: Operation, provider_id: str) -> Posting:
    """The gateway moved the same money once more: suspense has it, or had to give it."""
    gateway, _ = _parties(payment)
    source = surplus_id(operation.id, provider_id)
    if operation.kind != OperationKind.REFUND:
        leg = Leg(Layer.POSTED, gateway, _suspense(payment), operation.amount)
        return _posting(CAPTURED_AGAIN, source, payment, [leg])
    leg = Leg(Layer.POSTED, _suspense(payment), gateway, operation.amount)
    return _posting(REFUNDED_AGAIN, source, payment, [leg])


def dispute_opened(payment: Payment, dispute: Dispute) -> Posting:
    """The gateway took the money back; until that is decided, the merchant cannot have it."""
    gateway, merchant = _parties(payment)
    disputed, held = _disputed(payment)
    legs = [
        Leg(Layer.POSTED, disputed, gateway, dispute.amount),
        Leg(Layer.POSTED, merchant, held, dispute.amount),
    ]
    return _posting(DISPUTE_OPENED, dispute.id, payment, legs)


def dispute_fee(payment: Payment, dispute: Dispute) -> Posting:
    """The gateway took something for the dispute itself, which the merchant bears."""
    gateway, merchant = _parties(payment)
    leg = Leg(Layer.POSTED, merchant, gateway, dispute.fee or 0)
    return _posting(DISPUTE_FEE, dispute.id, payment, [leg])


def dispute_won(payment: Payment, dispute: Dispute) -> Posting:
    """The gateway gave the money back, and the merchant has it again."""
    gateway, merchant = _parties(payment)
    disputed, held = _disputed(payment)
    legs = [
        Leg(Layer.POSTED, gateway, disputed, dispute.amount),
        Leg(Layer.POSTED, held, merchant, dispute.amount),
    ]
    return _posting(DISPUTE_WON, dispute.id, payment, legs)


def dispute_lost(payment: Payment, dispute: Dispute, *, late: bool) -> Posting:
    """The money is gone; ``late`` if the gateway had given it back before."""
    gateway, merchant = _parties(payment)
    disputed, held = _disputed(payment)
    if late:
        leg = Leg(Layer.POSTED, merchant, gateway, dispute.amount)
        return _posting(DISPUTE_LOST, dispute.id, payment, [leg], flags="late")
    leg = Leg(Layer.POSTED, held, disputed, dispute.amount)
    return _posting(DISPUTE_LOST, dispute.id, payment, [leg])


def surplus_id(operation_id: UUID, provider_id: str) -> UUID:
    """Compute the id of a movement that was one too many, as ``verify`` computes it, too."""
    name = f"{operation_id}|{provider_id}".encode()
    return UUID(md5(name, usedforsecurity=False).hexdigest())


def _parties(payment: NewPayment | Payment) -> tuple[accounts.Account, accounts.Account]:
    return (
        accounts.gateway_receivable(payment.gateway, payment.currency, payment.mode),
        accounts.merchant_payable(payment.merchant_id, payment.currency, payment.mode),
    )


def _disputed(payment: Payment) -> tuple[accounts.Account, accounts.Account]:
    return (
        accounts.disputes_receivable(payment.gateway, payment.currency, payment.mode),
        accounts.dispute_hold(payment.merchant_id, payment.currency, payment.mode),
    )


def _clearing(payment: Payment) -> accounts.Account:
    return accounts.refunds_clearing(payment.gateway, payment.currency, payment.mode)


def _suspense(payment: Payment) -> accounts.Account:
    return accounts.customer_suspense(payment.currency, payment.mode)


def _posting(  # noqa: PLR0913 - a posting's parts
    kind: str,
    source: UUID,
    payment: NewPayment | Payment,
    legs: list[Leg],
    *,
    resolves: UUID | None = None,
    flags: str = "",
) -> Posting:
    return Posting(
        kind=kind,
        source_id=source,
        merchant_id=payment.merchant_id,
        mode=payment.mode,
        legs=tuple(legs),
        resolves=resolves,
        flags=flags,
    )
