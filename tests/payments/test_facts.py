"""State is a fold over the set of facts: order and repetition cannot matter."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.facts import NOBODY_CAN_SEND, Fact, Meaning, Said, Verdict, fold

SENT = Fact(Said.NOTHING_YET, is_send=True)
LOST = Fact(Said.UNKNOWN, is_send=True)
NOT_SENT = Fact(Said.NOT_SENT, is_send=True)
WAITING = Fact(Said.PENDING, is_send=True, provider_id="ch_1")
TAKEN = Fact(Said.SUCCEEDED, is_send=True, provider_id="ch_1", amount=100, currency="INR")
TOLD = Fact(Said.SUCCEEDED, provider_id="ch_1", amount=100, currency="INR")
AGAIN = Fact(Said.SUCCEEDED, provider_id="ch_2", amount=100, currency="INR")
MORE = Fact(Said.SUCCEEDED, provider_id="ch_1", amount=101, currency="INR")
DOLLARS = Fact(Said.SUCCEEDED, provider_id="ch_1", amount=100, currency="USD")
NO = Fact(Said.DECLINED, is_send=True, code="no", message="No.")
NEVER = Fact(Said.DECLINED, code="never", message="Never.")
MISSING = Fact(Said.NOT_FOUND)
GONE = Fact(Said.NOT_FOUND, code=NOBODY_CAN_SEND)

EVERYTHING = [SENT, LOST, NOT_SENT, WAITING, TAKEN, TOLD, AGAIN, MORE, DOLLARS, NO, NEVER,
              MISSING, GONE]  # fmt: skip
facts = st.lists(st.sampled_from(EVERYTHING), max_size=6)


def meant_by(*said: Fact) -> Verdict:
    return fold(said, amount=100, currency="INR")


@given(facts, st.data())
def test_neither_order_nor_repetition_matters(said, data):
    repeated = said + data.draw(st.lists(st.sampled_from(said))) if said else said

    again = data.draw(st.permutations(repeated))

    assert meant_by(*again) == meant_by(*said)


@given(st.lists(st.sampled_from(EVERYTHING), min_size=3, max_size=4, unique=True))
def test_every_order_of_a_few_facts_means_the_same(said):
    verdicts = {meant_by(*order) for order in permutations(said)}

    assert len(verdicts) == 1


@given(facts)
def test_money_that_moved_absorbs_everything_else(said):
    assert meant_by(TAKEN, *said).meaning is Meaning.SUCCEEDED


@given(st.lists(st.sampled_from([MORE, DOLLARS, SENT, LOST, NO, WAITING, GONE]), max_size=5))
def test_another_amount_is_never_a_success_and_never_a_failure(said):
    verdict = meant_by(MORE, *said)

    assert verdict.meaning is Meaning.UNKNOWN
    assert verdict.review


@given(facts)
def test_only_a_final_no_fails(said):
    verdict = meant_by(*said)

    assert (verdict.meaning is not Meaning.FAILED) or {NO, NEVER, GONE} & set(said)


@given(facts)
def test_a_failure_has_a_code(said):
    verdict = meant_by(*said)

    assert bool(verdict.code) == (verdict.meaning is Meaning.FAILED)


MEANINGS = {
    "nothing": ((), Meaning.NEVER_SENT),
    "an intended send": ((SENT,), Meaning.UNKNOWN),
    "a lost answer": ((LOST,), Meaning.UNKNOWN),
    "a send that never left": ((NOT_SENT,), Meaning.NEVER_SENT),
    "one that left and one that did not": ((LOST, NOT_SENT), Meaning.UNKNOWN),
    "a pending one": ((WAITING,), Meaning.WAITING),
    "a pending one after a lost one": ((LOST, WAITING), Meaning.WAITING),
    "a no": ((NO,), Meaning.FAILED),
    "a no after a lost answer": ((LOST, NO), Meaning.FAILED),
    "a yes after a no": ((NO, TOLD), Meaning.SUCCEEDED),
    "not found": ((LOST, MISSING), Meaning.UNKNOWN),
    "not found, and nobody can send": ((LOST, GONE), Meaning.FAILED),
    "not found, though it is pending": ((WAITING, MISSING), Meaning.WAITING),
    "another amount": ((MORE,), Meaning.UNKNOWN),
    "another currency": ((DOLLARS,), Meaning.UNKNOWN),
    "an unanswered question": ((Fact(Said.UNKNOWN),), Meaning.NEVER_SENT),
}


@pytest.mark.parametrize(("said", "meaning"), MEANINGS.values(), ids=MEANINGS)
def test_what_is_meant_by(said, meaning):
    assert meant_by(*said).meaning is meaning


def test_two_objects_at_the_provider_are_seen_by_a_person():
    assert "twice" in meant_by(TOLD, AGAIN).review


def test_the_same_object_twice_is_not():
    assert not meant_by(TAKEN, TOLD).review


def test_another_amount_beside_ours_is_posted_once_and_seen_by_a_person():
    verdict = meant_by(TAKEN, MORE)

    assert verdict.meaning is Meaning.SUCCEEDED
    assert "another amount" in verdict.review
