"""What a provider is asked to carry out for a payment, each once."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from core.ids import uuid7
from core.models import one_of
from core.money import MAX_AMOUNT
from payments.states import OperationState


def amount_within_bounds(name: str) -> models.CheckConstraint:
    """Return the constraint on an amount that we move, or ask somebody to."""
    return models.CheckConstraint(name=name, condition=Q(amount__gte=1) & Q(amount__lte=MAX_AMOUNT))


class OperationKind(models.TextChoices):
    """What a provider is asked to carry out."""

    CHARGE = "charge"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class Origin(models.TextChoices):
    """Who wanted it: a merchant who asked us, or the provider, or somebody at its own page."""

    MERCHANT = "merchant"
    PROVIDER = "provider"


class Operation(models.Model):
    """One charge, capture, void or refund to be carried out once; owner of the provider's key.

    What the provider did by itself has one, too: for the facts, nothing is ever sent.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payment = models.ForeignKey(
        "payments.Payment", on_delete=models.PROTECT, related_name="operations", db_index=False
    )
    refund = models.OneToOneField(
        "payments.Refund", on_delete=models.PROTECT, null=True, related_name="operation"
    )
    kind = models.TextField(choices=OperationKind.choices)
    gateway = models.TextField()
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.TextField(choices=OperationState.choices, default=OperationState.OPEN)
    provider_id = models.TextField(default="")
    # The provider's id of what nobody asked us for. Beside `provider_id`, which is learned
    # as an operation settles: an index over that one would slow every settling.
    unasked_id = models.TextField(default="", db_default="")
    # The payment, while this is a capture or void of ours that is open: one of them at a time. Its
    # own column, since an index that names `state` would slow every settling.
    claims = models.UUIDField(null=True)
    first_sent_at = models.DateTimeField(null=True)
    returned_at = models.DateTimeField(null=True)  # when the payer first came back to us
    created_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True)
    # When one that is over is looked up once more, if it may still change.
    recheck_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["payment", "id"], name="operation_of_payment"),
            models.Index(
                fields=["recheck_at"],
                name="operation_to_recheck",
                condition=Q(recheck_at__isnull=False),
            ),
        ]
        constraints: ClassVar = [
            one_of("kind", OperationKind, "operation_kind_known"),
            one_of("state", OperationState, "operation_state_known"),
            amount_within_bounds("operation_amount_in_bounds"),
            models.UniqueConstraint(
                name="operation_one_charge_per_payment",
                fields=["payment"],
                condition=Q(kind=OperationKind.CHARGE),
            ),
            models.UniqueConstraint(
                # Of what we ask for: what a provider did all the same is a fact.
                name="operation_one_open_for_a_hold",
                fields=["claims"],
                condition=Q(claims__isnull=False),
            ),
            models.CheckConstraint(
                name="operation_claims_while_open",
                condition=Q(
                    claims__isnull=False,
                    claims=F("payment"),
                    kind__in=[OperationKind.CAPTURE, OperationKind.VOID],
                    state=OperationState.OPEN,
                    unasked_id="",
                )
                | Q(claims__isnull=True)
                & (
                    ~Q(kind__in=[OperationKind.CAPTURE, OperationKind.VOID])
                    | ~Q(state=OperationState.OPEN)
                    | ~Q(unasked_id="")
                ),
            ),
            models.CheckConstraint(
                name="operation_refund_iff_refund",
                condition=Q(kind=OperationKind.REFUND, refund__isnull=False)
                | (~Q(kind=OperationKind.REFUND) & Q(refund__isnull=True)),
            ),
            models.CheckConstraint(
                name="operation_closed_only_if_charge",
                condition=~Q(state=OperationState.CLOSED) | Q(kind=OperationKind.CHARGE),
            ),
            models.UniqueConstraint(
                # However often, and in whatever words, a provider tells of it.
                name="operation_unasked_once",
                fields=["gateway", "unasked_id", "kind"],
                condition=~Q(unasked_id=""),
            ),
            models.CheckConstraint(
                name="operation_unasked_never_sent",
                condition=Q(unasked_id="")
                | (
                    ~Q(kind=OperationKind.CHARGE)
                    & Q(first_sent_at__isnull=True, provider_id=F("unasked_id"))
                ),
            ),
            models.CheckConstraint(
                # A refusal may be thought over, and what is held runs out.
                name="operation_rechecked_only_if_it_may_change",
                condition=Q(recheck_at__isnull=True)
                | Q(state=OperationState.FAILED)
                | Q(state=OperationState.SUCCEEDED, kind=OperationKind.CHARGE),
            ),
            models.CheckConstraint(
                name="operation_returned_only_if_sent_charge",
                condition=Q(returned_at__isnull=True)
                | Q(kind=OperationKind.CHARGE, first_sent_at__isnull=False),
            ),
            models.CheckConstraint(
                name="operation_settled_iff_not_open",
                condition=Q(state=OperationState.OPEN) ^ Q(settled_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def origin(self) -> Origin:
        """Who wanted it."""
        return Origin.PROVIDER if self.unasked_id else Origin.MERCHANT
