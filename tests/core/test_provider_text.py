import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cards import holds_card_number
from core.provider_text import clean, clean_id
from tests.core.samples import CARDS, DISGUISED, HARMLESS


@pytest.mark.parametrize("card", CARDS + DISGUISED)
def test_a_card_number_is_masked(card):
    assert not holds_card_number(clean(f"card {card} declined", 500))


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_harmless_stays_as_it_is(text):
    assert clean(text, 500) == text


def test_a_card_number_at_the_cut_is_masked_before_it():
    assert clean("x" * 10 + " 4111111111111111", 20) == "x" * 10 + " [card]"


@pytest.mark.parametrize("bad", ["\x00", "\ud800"])
def test_what_cannot_be_stored_is_replaced(bad):
    assert clean(f"a{bad}b", 500) == "a\N{REPLACEMENT CHARACTER}b"


@given(st.text(st.characters(), max_size=50), st.integers(0, 60))
def test_any_text_becomes_one_that_can_be_stored(text, limit):
    cleaned = clean(text, limit)

    assert len(cleaned) <= limit
    assert "\x00" not in cleaned
    cleaned.encode()


@given(st.text(st.characters(), max_size=300))
def test_any_id_becomes_one_that_can_be_stored(text):
    cleaned = clean_id(text)

    assert len(cleaned) <= 255
    assert "\x00" not in cleaned
    cleaned.encode()


@pytest.mark.parametrize("given", ["ch_3MtwBwLkdIwHu7ix0snN0B15", "883512345678901", "8835-1"])
def test_an_id_that_is_none_of_a_card_is_kept_as_it_is(given):
    assert clean_id(given) == given


def test_an_id_like_a_card_number_is_kept_as_a_digest_that_tells_it_from_others():
    cards = ["4111111111111111", "5555555555554444"]

    kept = [clean_id(card) for card in cards]

    assert len(set(kept)) == 2
    assert kept == [clean_id(card) for card in cards]
    assert not [card for card in cards if card in "".join(kept)]
