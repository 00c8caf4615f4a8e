"""Postings to test with: one payment of a merchant through one gateway."""

from dataclasses import dataclass, field
from uuid import UUID, uuid4

from ledger.accounts import Account, gateway_receivable, merchant_payable, refunds_clearing
from ledger.books import Layer, Leg, Posting, transaction_id


@dataclass(frozen=True)
class Sale:
    """A payment, as the books see it."""

    amount: int = 1_000
    currency: str = "INR"
    mode: str = "test"
    gateway: str = "mock"
    merchant_id: UUID = field(default_factory=uuid4)
    payment_id: UUID = field(default_factory=uuid4)

    @property
    def receivable(self) -> Account:
        return gateway_receivable(self.gateway, self.currency, self.mode)

    @property
    def payable(self) -> Account:
        return merchant_payable(self.merchant_id, self.currency, self.mode)

    @property
    def clearing(self) -> Account:
        return refunds_clearing(self.gateway, self.currency, self.mode)

    @property
    def expected(self) -> Leg:
        return Leg(Layer.PENDING, self.receivable, self.payable, self.amount)

    @property
    def taken(self) -> Leg:
        return Leg(Layer.POSTED, self.receivable, self.payable, self.amount)

    def posting(self, kind: str, *legs: Leg, resolves: UUID | None = None) -> Posting:
        return Posting(
            kind=kind,
            source_id=self.payment_id,
            merchant_id=self.merchant_id,
            mode=self.mode,
            legs=legs,
            resolves=resolves,
        )

    @property
    def created_id(self) -> UUID:
        return transaction_id("created", self.payment_id)

    def created(self) -> Posting:
        return self.posting("created", self.expected)

    def captured(self) -> Posting:
        return self.posting("captured", self.taken, resolves=self.created_id)

    def failed(self) -> Posting:
        return self.posting("failed", resolves=self.created_id)

    def refunded(self, amount: int) -> Posting:
        return self.posting("refund_asked", Leg(Layer.POSTED, self.payable, self.clearing, amount))
