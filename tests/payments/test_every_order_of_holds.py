"""Every order of every few facts about a hold means one state and one ledger net.

Facts of the charge, the capture, our void, one that the provider made, and a refund: folded one by
one in every order, each time bringing the payment where the rank puts it.
"""

import os
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations, permutations, product
from typing import Any

import pytest

from gateways.base import ACTION_EXPIRED, ACTION_TAKEN
from payments.facts import Fact, Meaning, Said, Verdict, fold
from payments.operations import Origin
from payments.standing import Known, standing
from payments.states import MOVES, OperationState, Status

# Of this size every set; of the next one so many, or with ``EVERY_SET=1`` every one (two minutes).
SET_SIZE = 5
SETS_OF_SIX = 60
AMOUNTS = {"charge": 1_000, "capture": 600, "void": 1_000, "ran_out": 1_000, "refund": 100}


@dataclass(frozen=True)
class Told:
    about: str
    fact: Fact

    def __str__(self) -> str:
        return f"{self.about} {self.fact.said} {self.fact.code}"


def moved(about: str, **more: Any) -> Told:
    given = {"provider_id": about, "amount": AMOUNTS[about], "currency": "INR", **more}
    return Told(about, Fact(Said.SUCCEEDED, is_notice=True, **given))


def said(about: str, what: Said, **more: Any) -> Told:
    return Told(about, Fact(what, is_send=True, **more))


ALPHABET = [
    said("charge", Said.UNKNOWN),
    said("charge", Said.PENDING, provider_id="charge"),
    said("charge", Said.REQUIRES_ACTION, provider_id="charge", action_url="https://pay.test/act"),
    said("charge", Said.PENDING, provider_id="charge", code=ACTION_TAKEN),
    said("charge", Said.DECLINED, code="no"),
    said("charge", Said.DECLINED, code=ACTION_EXPIRED),
    moved("charge"),
    said("capture", Said.DECLINED, code="no"),
    moved("capture"),
    said("void", Said.DECLINED, code="no"),
    moved("void"),
    moved("ran_out"),
    moved("refund"),
]
_STATES = {Meaning.SUCCEEDED: OperationState.SUCCEEDED, Meaning.FAILED: OperationState.FAILED}


@dataclass
class Story:
    """A payment that hears one fact after the other, and moves as ``payments.outcomes`` does."""

    is_manual: bool
    facts: dict[str, frozenset[Fact]] = field(default_factory=dict)
    steps: list[Status] = field(default_factory=lambda: [Status.CREATED, Status.PROCESSING])

    def hear(self, told: Told) -> None:
        self.facts[told.about] = self.facts.get(told.about, frozenset()) | {told.fact}
        after = standing(self.known())
        if after != self.steps[-1]:
            self.steps.append(after)

    def verdict(self, about: str) -> Verdict:
        return verdict_of(about, self.facts.get(about, frozenset()))

    def succeeded(self, about: str) -> bool:
        return self.verdict(about).meaning is Meaning.SUCCEEDED

    def known(self) -> Known:
        charge = self.verdict("charge")
        by = Origin.MERCHANT if self.succeeded("void") else None
        if by is None and self.succeeded("ran_out"):
            by = Origin.PROVIDER
        return Known(
            charge=_STATES.get(charge.meaning, OperationState.OPEN),
            is_manual=self.is_manual,
            is_captured=self.succeeded("capture"),
            voided_by=by,
            ran_out=charge.ran_out,
            waits_for_payer=charge.waits_for_payer,
        )

    def net(self) -> dict[str, int]:
        """Return what the accounts come to, debits counting up."""
        sums = Counter[str]()
        if self.steps[-1] == Status.SUCCESS:
            taken = 600 if self.is_manual else 1_000
            sums["gateway_receivable"] += taken
            sums["merchant_payable"] -= taken
        if self.succeeded("refund"):
            payer = "merchant_payable" if self.steps[-1] == Status.SUCCESS else "suspense"
            sums["gateway_receivable"] -= 100
            sums[payer] += 100
        return {name: total for name, total in sums.items() if total}


@cache
def verdict_of(about: str, facts: frozenset[Fact]) -> Verdict:
    return fold(facts, amount=AMOUNTS[about], currency="INR")


def told_in(order: Iterable[Told], *, is_manual: bool) -> Story:
    story = Story(is_manual)
    for one in order:
        story.hear(one)
    return story


def few_of(
    alphabet: list[Told], *, is_manual: bool, sizes: Iterable[int] = range(1, SET_SIZE + 1)
) -> Iterator[tuple[Told, ...]]:
    # What is taken with its charge has no capture of its own.
    fitting = [one for one in alphabet if is_manual or one.about != "capture"]
    for size in sizes:
        yield from combinations(fitting, size)


def moves_in_every_order(
    few: tuple[Told, ...], *, is_manual: bool
) -> Iterator[tuple[Status, Status]]:
    """Tell these facts in every order, and return the moves that the payment made."""
    one = told_in(few, is_manual=is_manual)
    for order in permutations(few):
        # The first is told once more at the end.
        story = told_in((*order, order[0]), is_manual=is_manual)
        ended = (story.steps[-1], story.known(), story.net())
        if ended != (one.steps[-1], one.known(), one.net()):
            raise AssertionError([str(told) for told in order], ended)
        yield from zip(story.steps, story.steps[1:], strict=False)


@cache
def seen_moves() -> frozenset[tuple[Status, Status]]:
    """Tell every order of every few facts, and return the moves that payments made."""
    return frozenset(
        move
        for is_manual in (False, True)
        for few in few_of(ALPHABET, is_manual=is_manual)
        for move in moves_in_every_order(few, is_manual=is_manual)
    )


def test_every_order_of_facts_about_a_hold_means_one_state_and_one_net():
    assert seen_moves()


@pytest.mark.parametrize("is_manual", [False, True])
def test_so_does_every_order_of_six(is_manual):
    every = list(few_of(ALPHABET, is_manual=is_manual, sizes=[6]))
    if not os.environ.get("EVERY_SET"):
        every = random.Random(6).sample(every, SETS_OF_SIX)

    moves = {move for few in every for move in moves_in_every_order(few, is_manual=is_manual)}

    assert moves <= seen_moves()


def test_the_table_has_every_move_that_an_order_of_facts_can_make_and_no_other():
    table = {(before, after) for before, ends in MOVES.items() for after in ends}
    # All that went back is counted, not ranked; and a charge that nobody sent is just closed.
    elsewhere = {(Status.SUCCESS, Status.REFUNDED), (Status.CREATED, Status.CANCELED)}

    assert seen_moves() | elsewhere == table


def test_whatever_is_known_has_one_standing():
    for charge, captured, voided, closed, ran_out, waits, manual in product(
        OperationState, (False, True), (None, *Origin), *([(False, True)] * 4)
    ):
        known = Known(charge=charge, is_manual=manual, is_captured=captured, voided_by=voided,
                      was_closed=closed, ran_out=ran_out, waits_for_payer=waits)  # fmt: skip
        assert standing(known) in Status
        assert (standing(known) == Status.SUCCESS) == known.money_moved
