"""How long a balance takes of a merchant with millions of transfers, by one with few."""

from collections.abc import Callable
from contextlib import ExitStack
from uuid import UUID

from config.stack.speech import say
from ledger import accounts
from tests.bench.ground import BenchStack, Ground
from tests.bench.results import Comparison, Figure, Target, by_turns

NAME = "balance"
MERCHANT = UUID("01900000-0000-7000-8000-000000000001")
GATEWAY, CURRENCY, MODE = "mock_success", "INR", "test"
# What is expected, its end, and what happened.
TRANSFERS_EACH = 3
# As many payments as a transaction of the filling writes; a real one writes one.
TOGETHER = 500
CHUNK_PAYMENTS = 100_000
# Payments of one second, which no roll-up has met yet.
TAIL_PAYMENTS = 500
ROLL_UP = "rebuild_balances"
TARGET = Target("≤", 1.5)
_ACCOUNTS = """
    INSERT INTO ledger_account (id, code, owner, currency, mode) VALUES (%s, %s, %s, %s, %s)
"""
# Two transactions and three transfers for each payment, as accepting and capturing it book them.
_PAYMENTS = """
    WITH payment AS MATERIALIZED (
        SELECT gen_random_uuid() AS id, gen_random_uuid() AS asked, gen_random_uuid() AS captured,
               100 + (random() * 100000)::int AS amount
        FROM generate_series(1, %(count)s)
    ), headers AS (
        INSERT INTO ledger_transaction
            (id, kind, source_id, merchant_id, mode, resolves_id, flags, occurred_at)
        SELECT asked, 'payment.created', id, %(merchant)s::uuid, %(mode)s, NULL::uuid, '', now()
        FROM payment
        UNION ALL
        SELECT captured, 'payment.captured', id, %(merchant)s::uuid, %(mode)s, asked, '', now()
        FROM payment
    )
    INSERT INTO ledger_transfer (id, transaction_id, layer, debit_account_id, credit_account_id,
                                 currency, mode, amount, reversal)
    SELECT gen_random_uuid(), leg.header, leg.layer, leg.debit, leg.credit, %(currency)s, %(mode)s,
           payment.amount, leg.reversal
    FROM payment CROSS JOIN LATERAL (VALUES
        (asked, 'pending', %(gateway_account)s::uuid, %(merchant_account)s::uuid, false),
        (captured, 'pending', %(merchant_account)s::uuid, %(gateway_account)s::uuid, true),
        (captured, 'posted', %(gateway_account)s::uuid, %(merchant_account)s::uuid, false)
    ) AS leg (header, layer, debit, credit, reversal)
"""


def balance(ground: Ground) -> Figure:
    """Compare balances in two databases that differ in how much was booked."""
    small, large = ground.pick(10_000, 1_000), ground.pick(5_000_000, 20_000)
    labels = {f"{count:,} transfers": count for count in (large, small)}
    with ExitStack() as closing:
        contenders: dict[str, Callable[[], float]] = {}
        for label, count in labels.items():
            stack = closing.enter_context(ground.database())
            books = Books(stack)
            books.book(count // TRANSFERS_EACH)
            is_rolled_up = _roll_up(stack)
            with stack.watching() as at_once:
                at_once("VACUUM ANALYZE ledger_transaction, ledger_transfer")
            books.book(TAIL_PAYMENTS)
            ask = closing.enter_context(stack.asking("balance", str(MERCHANT), MODE))
            ask()  # connects
            contenders[label] = ask
        rounds, each = ground.pick(10, 3), ground.pick(20, 3)
        found = by_turns(NAME, rounds, "ms", contenders, each=each)
    many, few = labels
    what = f"one merchant, {many} ÷ {few}"
    tail = f"rolled up but for {TAIL_PAYMENTS * TRANSFERS_EACH:,} of them"
    how = tail if is_rolled_up else "summed, for this version rolls nothing up"
    return Figure(
        [Comparison(what, "ms", found[many], found[few], TARGET)],
        notes=[f"The transfers are {how}. Each round is the median of {each} by turns."],
    )


def _roll_up(stack: BenchStack) -> bool:
    """Sum up what is booked, as the dispatcher does second by second; say whether we know how."""
    if ROLL_UP not in stack.checked("manage.py", "help", "--commands").split():
        return False
    stack.checked("manage.py", ROLL_UP)
    return True


class Books:
    """One merchant's books in one database."""

    def __init__(self, stack: BenchStack) -> None:
        self._stack = stack
        gateway = accounts.gateway_receivable(GATEWAY, CURRENCY, MODE)
        merchant = accounts.merchant_payable(MERCHANT, CURRENCY, MODE)
        for account in (gateway, merchant):
            parts = (account.code, account.owner, account.currency, account.mode)
            stack.rows(_ACCOUNTS, str(account.id), *parts)
        self._values = {
            "merchant": str(MERCHANT),
            "mode": MODE,
            "currency": CURRENCY,
            "gateway_account": str(gateway.id),
            "merchant_account": str(merchant.id),
        }

    def book(self, payments: int) -> None:
        """Book payments that were accepted and captured."""
        with self._stack.writing() as write:
            for first in range(0, payments, TOGETHER):
                count = min(TOGETHER, payments - first)
                write(_PAYMENTS, {**self._values, "count": count})
                if (first + count) % CHUNK_PAYMENTS == 0:
                    say(NAME, f"{first + count:,} of {payments:,} payments are booked")
