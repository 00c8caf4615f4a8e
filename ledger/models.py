"""The books: accounts, transactions, and the two-ended transfers they consist of.

Rows are only ever added (ADR 0006). What Django cannot say of these tables, composite foreign keys
and triggers, stands in migration 0002.
"""

from django.db import models
from django.db.models.functions import Now

from core.ids import uuid7
from core.schema import XidField
from ledger.accounts import CHART, MODES, PLATFORM_CODES
from ledger.legs import LARGEST_AMOUNT, Layer


class Account(models.Model):
    """An account that has been booked on; its id is computed by ``ledger.accounts``."""

    id = models.UUIDField(primary_key=True)
    code = models.CharField(max_length=40)
    owner = models.CharField(max_length=64, blank=True, default="")
    currency = models.CharField(max_length=3)
    mode = models.CharField(max_length=4)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["code", "owner", "currency", "mode"], name="ledger_account_once"
            ),
            models.UniqueConstraint(
                fields=["id", "currency", "mode"],
                name="ledger_account_currency_and_mode",
            ),
            models.CheckConstraint(
                condition=models.Q(code__in=sorted(CHART)),
                name="ledger_account_code_in_chart",
            ),
            models.CheckConstraint(
                condition=models.Q(mode__in=MODES), name="ledger_account_known_mode"
            ),
            models.CheckConstraint(
                condition=models.Q(code__in=PLATFORM_CODES, owner="")
                | (~models.Q(code__in=PLATFORM_CODES) & ~models.Q(owner="")),
                name="ledger_account_owner_fits_code",
            ),
        )

    def __str__(self) -> str:
        return f"{self.code}:{self.owner} {self.currency} {self.mode}"


class Transaction(models.Model):
    """One business fact, booked once: the header of its transfers."""

    id = models.UUIDField(primary_key=True)
    kind = models.CharField(max_length=40)
    source_id = models.UUIDField()
    merchant_id = models.UUIDField()
    mode = models.CharField(max_length=4)
    resolves = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="resolutions",
    )
    flags = models.CharField(max_length=40, blank=True, db_default="")
    occurred_at = models.DateTimeField(db_default=Now())
    recorded_at = models.DateTimeField(db_default=Now())
    xid = XidField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["kind", "source_id"], name="ledger_fact_booked_once"),
            models.UniqueConstraint(
                fields=["resolves"],
                condition=models.Q(resolves__isnull=False),
                name="ledger_transaction_resolved_once",
            ),
            # What transfers refer to, so that none joins later or in another mode. It begins with
            # xid because the roll-up reads in that order (ADR 0012).
            models.UniqueConstraint(
                fields=["xid", "id", "mode"], name="ledger_transaction_xid_and_mode"
            ),
            models.CheckConstraint(
                condition=models.Q(mode__in=MODES), name="ledger_transaction_known_mode"
            ),
            models.CheckConstraint(
                condition=~models.Q(kind=""), name="ledger_transaction_has_a_kind"
            ),
            models.CheckConstraint(
                condition=models.Q(resolves__isnull=True) | ~models.Q(resolves=models.F("id")),
                name="ledger_transaction_resolves_another",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.source_id}"


class Transfer(models.Model):
    """One ledger line: an amount from the credited account to the debited one."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    # The composite foreign keys of migration 0002 cover these three.
    transaction = models.ForeignKey(
        Transaction, models.PROTECT, db_constraint=False, related_name="transfers"
    )
    layer = models.CharField(max_length=7, choices=Layer)
    debit_account = models.ForeignKey(
        Account,
        models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="debits",
    )
    credit_account = models.ForeignKey(
        Account,
        models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="credits",
    )
    currency = models.CharField(max_length=3)
    mode = models.CharField(max_length=4)
    amount = models.BigIntegerField()
    # A mirror of a pending leg, written when that is resolved. It takes back what was pending on
    # the same side; without the flag it would read as a new pending leg on the other side.
    reversal = models.BooleanField(db_default=False)
    xid = XidField()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(layer__in=Layer.values),
                name="ledger_transfer_known_layer",
            ),
            models.CheckConstraint(
                condition=models.Q(amount__gt=0, amount__lte=LARGEST_AMOUNT),
                name="ledger_transfer_amount_in_range",
            ),
            models.CheckConstraint(
                condition=~models.Q(debit_account=models.F("credit_account")),
                name="ledger_transfer_two_accounts",
            ),
            models.CheckConstraint(
                condition=models.Q(reversal=False) | models.Q(layer=Layer.PENDING),
                name="ledger_transfer_reverses_pending",
            ),
        )
        indexes = (
            models.Index(fields=["debit_account", "xid"], name="ledger_transfer_debits"),
            models.Index(fields=["credit_account", "xid"], name="ledger_transfer_credits"),
        )

    def __str__(self) -> str:
        return f"{self.layer} {self.amount} {self.currency}"
