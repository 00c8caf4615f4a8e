"""The desk's pages of the books. Nobody adds to them or changes them by hand."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from core.desk import merchants, words
from core.desk.pages import ROWS_MAX, Section, Shown, section
from core.models import Merchant
from ledger import books
from ledger.accounts import CHART, MODES
from ledger.models import Account, Transaction, Transfer

_LEGS = ("Line", "Recorded", "Layer", "Debit", "Credit", "Amount")

# What a transaction's source is, by the first word of its kind. This room does not know its
# customers; they say so themselves.
SOURCES: dict[str, str] = {}


def _legs(found: QuerySet[Transfer]) -> list[tuple[Any, ...]]:
    related = ("transaction", "debit_account", "credit_account")
    lines = found.select_related(*related)[: ROWS_MAX + 1]
    return [
        (
            words.to(one, f"…{words.tail(one.id)}"),
            words.moment(one.transaction.recorded_at),
            f"{one.layer}, taken back" if one.reversal else one.layer,
            words.to(one.debit_account, one.debit_account.code),
            words.to(one.credit_account, one.credit_account.code),
            words.amount(one.amount, one.currency),
        )
        for one in lines
    ]


def _source(row: Transaction) -> Any:
    return words.link(SOURCES.get(row.kind.partition(".")[0], ""), row.source_id)


def _standing(row: Account) -> Section:
    account = books.Account(row.code, row.owner, row.currency, row.mode)
    side = "debits less credits" if CHART[row.code].is_debit_normal else "credits less debits"
    return section(
        "Balance",
        ("Layer", "Balance", "Is"),
        [
            (layer.value, words.amount(books.balance(account, layer), row.currency), side)
            for layer in books.Layer
        ],
        "",
    )


def balances_of(merchant: Merchant) -> Section:
    """Return what a merchant is owed."""
    return section(
        "Balances",
        ("Mode", "Pending", "Available"),
        [
            (
                mode,
                words.amount(one.pending, one.currency),
                words.amount(one.available, one.currency),
            )
            for mode in MODES
            for one in books.balances(merchant.id, mode)
        ],
        "Nothing was ever booked for it.",
    )


merchants.MORE.append(balances_of)


@admin.register(Account)
class AccountPages(Shown):
    """Accounts that have been booked on."""

    list_display = ("id", "code", "owner", "currency", "mode")
    search_help_text = "The whole id of an account."
    empty = "Nothing has been booked yet."

    def fact(self, row: Account, one: Any) -> Any:
        """Return what one column says."""
        if one.name == "owner" and CHART[row.code].owner == "merchant":
            return words.link("core_merchant", row.owner)
        return super().fact(row, one)

    def sections(self, row: Account) -> list[Section]:
        """Return what is on it, and the newest lines on either side."""
        return [
            _standing(row),
            *self._newest(row),
        ]

    def _newest(self, row: Account) -> list[Section]:
        return [
            section(f"Newest {side}s", _LEGS, _legs(found), f"There is no {side}.")
            for side, found in (
                ("debit", Transfer.objects.filter(debit_account=row).order_by("-xid", "-id")),
                ("credit", Transfer.objects.filter(credit_account=row).order_by("-xid", "-id")),
            )
        ]


@admin.register(Transaction)
class TransactionPages(Shown):
    """Business facts, booked once each."""

    list_display = ("id", "kind", "source", "mode", "recorded")
    search_help_text = "The whole id of a transaction. For time's order, see the transfers."
    empty = "Nothing has been booked yet."
    linked = {"merchant_id": "core_merchant"}  # noqa: RUF012 - Django's way

    @admin.display(description="source")
    def source(self, row: Transaction) -> Any:
        """Return what was booked."""
        return _source(row)

    @admin.display(description="recorded")
    def recorded(self, row: Transaction) -> str:
        """Return when it was written."""
        return words.moment(row.recorded_at)

    def fact(self, row: Transaction, one: Any) -> Any:
        """Return what one column says."""
        return _source(row) if one.name == "source_id" else super().fact(row, one)

    def sections(self, row: Transaction) -> list[Section]:
        """Return the lines, and what became of an expectation."""
        resolved_by = [
            (words.to(one), one.kind, words.moment(one.recorded_at))
            for one in Transaction.objects.filter(resolves=row)
        ]
        lines = _legs(Transfer.objects.filter(transaction=row).order_by("id"))
        return [
            section("Lines", _LEGS, lines, "It moved nothing."),
            section(
                "Resolved by",
                ("Transaction", "Kind", "Recorded"),
                resolved_by,
                "No later fact resolves it.",
            ),
        ]


@admin.register(Transfer)
class TransferPages(Shown):
    """Ledger lines, the newest first."""

    list_display = ("id", "fact_link", "layer", "debit", "credit", "money")
    list_select_related = ("transaction", "debit_account", "credit_account")
    search_help_text = "The whole id of a line, or of its transaction."
    empty = "Nothing has been booked yet."
    found_by = ("pk", "transaction")

    @admin.display(description="fact")
    def fact_link(self, row: Transfer) -> Any:
        """Return what was booked."""
        return words.to(row.transaction, row.transaction.kind)

    @admin.display(description="debit")
    def debit(self, row: Transfer) -> Any:
        """Return the debited account."""
        return words.to(row.debit_account, row.debit_account.code)

    @admin.display(description="credit")
    def credit(self, row: Transfer) -> Any:
        """Return the credited account."""
        return words.to(row.credit_account, row.credit_account.code)

    @admin.display(description="amount")
    def money(self, row: Transfer) -> str:
        """Return the amount with its currency."""
        return words.amount(row.amount, row.currency)
