"""When a payment waits for its payer, and where: a fold, whatever came first."""

from itertools import combinations, permutations

import pytest

from gateways.base import ACTION_EXPIRED, ACTION_TAKEN
from payments.facts import Fact, Meaning, Said, fold

A, B = "https://pay.test/a", "https://pay.test/b"
ASKED_A = Fact(Said.REQUIRES_ACTION, is_send=True, provider_id="ch_1", action_url=A, said_as="1")
ASKED_B = Fact(Said.REQUIRES_ACTION, provider_id="ch_1", action_url=B, said_as="2")
PENDING = Fact(Said.PENDING, provider_id="ch_1")
TAKEN = Fact(Said.PENDING, provider_id="ch_1", code=ACTION_TAKEN)
TAKEN_A = Fact(Said.PENDING, provider_id="ch_1", code=ACTION_TAKEN, action_url=A)
MOVED = Fact(Said.SUCCEEDED, provider_id="ch_1", amount=1_000, currency="INR")
REFUSED = Fact(Said.DECLINED, provider_id="ch_1", code="action_refused")
RAN_OUT = Fact(Said.DECLINED, provider_id="ch_1", code=ACTION_EXPIRED)
OTHER_MONEY = Fact(Said.SUCCEEDED, provider_id="ch_1", amount=999, currency="INR")
OTHERS = Fact(Said.REQUIRES_ACTION, provider_id="ch_9", account="acct_x", action_url=B, said_as="9")
UNKNOWN = Fact(Said.UNKNOWN, is_send=True)
ALL = [ASKED_A, ASKED_B, PENDING, TAKEN, TAKEN_A, MOVED, REFUSED, RAN_OUT, OTHER_MONEY, OTHERS,
       UNKNOWN]  # fmt: skip


def known(*facts):
    return fold(facts, amount=1_000, currency="INR")


@pytest.mark.parametrize(
    ("facts", "url"),
    [
        ([ASKED_A], A),
        # Which of these is older, nobody can tell; the payer may still be wanted.
        ([ASKED_A, PENDING], A),
        ([UNKNOWN, ASKED_A], A),
        # The last that was said.
        ([ASKED_A, ASKED_B], B),
        ([ASKED_A, TAKEN], ""),
        ([ASKED_A, TAKEN_A], ""),
        # A second step has an address of its own.
        ([ASKED_A, TAKEN_A, ASKED_B], B),
        ([ASKED_A, TAKEN, ASKED_B], ""),
        ([PENDING], ""),
        ([TAKEN], ""),
        ([ASKED_A, MOVED], ""),
        ([ASKED_A, REFUSED], ""),
        ([ASKED_A, OTHER_MONEY], ""),
        ([OTHERS], ""),
        ([ASKED_A, OTHERS], A),
    ],
)
def test_a_payer_is_waited_for_where_nobody_has_acted_yet(facts, url):
    verdict = known(*facts)

    assert (verdict.action_url, verdict.waits_for_payer) == (url, bool(url))


def test_that_the_payers_time_is_over_says_more_than_a_refusal():
    assert known(ASKED_A, REFUSED).ran_out is False
    assert known(ASKED_A, REFUSED, RAN_OUT).ran_out is True
    assert known(ASKED_A, REFUSED, RAN_OUT, MOVED).meaning is Meaning.SUCCEEDED


def test_no_order_and_no_repetition_changes_where_a_payer_is_waited_for():
    orders = 0
    for size in range(1, 6):
        for few in combinations(ALL, size):
            one = known(*few)
            for order in permutations(few):
                orders += 1
                assert known(*order, *order[:2]) == one, order

    assert orders > 60_000
