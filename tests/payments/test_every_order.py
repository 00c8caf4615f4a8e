"""Every order of every few facts means one state and one ledger net; so do many, repeated."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import combinations, permutations
from typing import Any, NamedTuple
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from core.ids import uuid7
from ledger.books import Posting
from payments import bookkeeping
from payments.facts import NOBODY_CAN_SEND, Fact, Meaning, Said, Verdict, fold
from payments.models import Operation, Payment, Refund

SET_SIZE = 6


class Told(NamedTuple):
    """A fact, and what it is about: the charge, our refund, or one made at the provider."""

    about: str
    fact: Fact


def moved(provider_id: str, amount: int, currency: str = "INR", **more: Any) -> Fact:
    return Fact(Said.SUCCEEDED, provider_id=provider_id, amount=amount, currency=currency, **more)


AMOUNTS = {"charge": 1_000, "ours": 300, "re_x": 200, "re_y": 100}
OF_THE_CHARGE = [
    Told("charge", Fact(Said.UNKNOWN, is_send=True)),
    Told("charge", Fact(Said.DECLINED, is_send=True, code="no")),
    Told("charge", Fact(Said.DECLINED, is_notice=True, code="late_no")),
    Told("charge", moved("ch_1", 1_000, is_send=True)),
    Told("charge", moved("ch_1", 1_000, is_notice=True)),
    Told("charge", moved("ch_2", 1_000, is_notice=True)),
    Told("charge", moved("ch_1", 999, is_notice=True)),
    Told("charge", moved("ch_1", 1_000, is_send=True, account="acct_x")),
]
OF_REFUNDS = [
    Told("ours", Fact(Said.DECLINED, is_send=True, code="no")),
    Told("ours", moved("re_1", 300, is_notice=True)),
    Told("ours", moved("re_2", 300, is_notice=True)),
    Told("re_x", moved("re_x", 200, is_notice=True)),
]
ALPHABET = [*OF_THE_CHARGE, *OF_REFUNDS]
MORE = [
    Told("re_y", moved("re_y", 100, is_notice=True)),
    Told("charge", Fact(Said.NOTHING_YET, is_send=True)),
    Told("charge", Fact(Said.NOT_SENT, is_send=True)),
    Told("charge", Fact(Said.PENDING, is_send=True, provider_id="ch_1")),
    Told("charge", Fact(Said.NOT_FOUND, code=NOBODY_CAN_SEND)),
    Told("charge", moved("ch_3", 1_000, is_notice=True)),
    Told("charge", moved("ch_1", 1_000, is_send=True, currency="USD")),
    Told("ours", Fact(Said.PENDING, is_send=True, provider_id="re_1")),
    Told("ours", Fact(Said.DECLINED, is_notice=True, code="never")),
]

State = tuple[tuple[str, Verdict], ...]


def state(told: Iterable[Told]) -> State:
    """Fold what was told of each operation, in the order in which it was told."""
    by_operation: dict[str, list[Fact]] = {}
    for about, fact in told:
        by_operation.setdefault(about, []).append(fact)
    return tuple(
        (about, fold(by_operation[about], amount=AMOUNTS[about], currency="INR"))
        for about in sorted(by_operation)
    )


PAYMENT = Payment(id=uuid7(), merchant_id=uuid7(), mode="test", amount=1_000, currency="INR",
                  gateway="mock")  # fmt: skip


def postings(known: State) -> Iterable[Posting]:
    """Yield what is posted for operations that stand so."""
    meant = dict(known)
    captured = "charge" in meant and meant["charge"].meaning is Meaning.SUCCEEDED
    if captured:
        yield bookkeeping.captured(PAYMENT, 1_000, late=False)
    for about, verdict in known:
        amount = AMOUNTS[about]
        refund = Refund(id=uuid7(), payment=PAYMENT, amount=amount, currency="INR")
        kind = "charge" if about == "charge" else "refund"
        operation = Operation(id=UUID(int=1), kind=kind, amount=amount)
        for provider_id in sorted(verdict.moved)[1:]:
            yield bookkeeping.moved_again(PAYMENT, operation, provider_id)
        if about == "ours":
            yield bookkeeping.refund_asked(PAYMENT, refund)
            if verdict.meaning is Meaning.SUCCEEDED:
                yield bookkeeping.refund_confirmed(PAYMENT, refund)
            elif verdict.meaning is Meaning.FAILED:
                yield bookkeeping.refund_failed(PAYMENT, refund, recovered=0)
        elif about != "charge":
            yield bookkeeping.refund_unasked(PAYMENT, refund, beyond=0 if captured else amount)


@cache
def net(known: State) -> frozenset[tuple[str, int]]:
    """Return what the accounts come to, debits counting up."""
    sums = Counter[str]()
    for posting in postings(known):
        for leg in posting.legs:
            if leg.layer == "posted":
                sums[leg.debit.code] += leg.amount
                sums[leg.credit.code] -= leg.amount
    return frozenset((code, total) for code, total in sums.items() if total)


def expected_net(told: Sequence[Told]) -> frozenset[tuple[str, int]]:
    """Say from maxima and unions alone what the books must come to."""
    said = {(one.about, one.fact.provider_id) for one in told
            if one.fact.said is Said.SUCCEEDED and not one.fact.account
            and (one.fact.amount, one.fact.currency) == (AMOUNTS[one.about], "INR")}  # fmt: skip
    charges = sum(about == "charge" for about, _ in said)
    ours = sum(about == "ours" for about, _ in said)
    theirs = sum(AMOUNTS[about] for about, _ in said if about.startswith("re_"))
    asked = any(one.about == "ours" for one in told)
    failed = dict(state(told)).get("ours", Verdict(Meaning.UNKNOWN)).meaning is Meaning.FAILED
    held = 0 if failed or not asked else 300
    surplus = max(0, charges - 1) * 1_000 - max(0, ours - 1) * 300
    bears = theirs if charges else 0
    sums = {
        "gateway_receivable": charges * 1_000 - ours * 300 - theirs,
        "merchant_payable": -(1_000 if charges else 0) + held + bears,
        "refunds_clearing": -(held - (300 if ours else 0)),
        "customer_suspense": -surplus + (theirs - bears),
    }
    return frozenset((code, total) for code, total in sums.items() if total)


def test_every_order_of_every_few_facts_means_one_state_and_one_net():
    orders = 0
    for size in range(1, SET_SIZE + 1):
        for few in combinations(ALPHABET, size):
            one = state(few)
            assert net(one) == expected_net(few), few
            for order in permutations(few):
                orders += 1
                # The first of them are told once more at the end.
                if state((*order, *order[:2])) != one:
                    raise AssertionError(order)

    assert orders > 700_000


@given(
    st.lists(st.sampled_from([*ALPHABET, *MORE]), max_size=40), st.randoms(use_true_random=False)
)
def test_many_facts_told_again_and_again_mean_one_state_and_one_net(told, chance):
    repeated = [*told, *chance.choices(told, k=len(told))] if told else []
    chance.shuffle(repeated)

    known = state(repeated)

    assert known == state(told)
    assert net(known) == expected_net(told)
