import uuid
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cards import find_card_data, holds_card_number, is_card_in_key, is_card_name, mask
from core.ids import uuid7
from tests.core.samples import CARDS, DISGUISED, HARMLESS


@pytest.mark.parametrize("text", CARDS + DISGUISED)
def test_a_card_number_is_seen_and_masked(text):
    assert holds_card_number(text)
    assert not holds_card_number(mask(text))
    assert "[card]" in mask(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_card_number_stays_as_it_is(text):
    assert mask(text) == text


def test_text_around_a_card_number_is_kept():
    assert mask("from 4111 1111 1111 1111 to 378282246310005.") == "from [card] to [card]."


def test_our_ids_are_never_taken_for_cards():
    ids = [str(uuid7()) for _ in range(2000)] + [uuid.uuid4().hex for _ in range(2000)]

    assert [one for one in ids if holds_card_number(one)] == []


@given(st.text(alphabet="4501 .-a", max_size=80))
def test_masking_leaves_no_card_number(text):
    assert not holds_card_number(mask(text))


PIECES = st.sampled_from(
    [*CARDS, *DISGUISED, *HARMLESS, "4", "41", "4111", "1111", "%2", "DE89 ", " ", "-", "a", "x"]
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_masking_leaves_no_card_number_among_what_resembles_one(text):
    assert not holds_card_number(mask(text))


@given(st.lists(PIECES, max_size=12).map("".join))
def test_a_key_is_never_judged_more_severely_than_text(text):
    assert holds_card_number(text) or not is_card_in_key(text)


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("around", ["1 {} 2", "({})", '"{}"', "a {},", "x={}&y=1", "2026-11-25 {}"])
def test_a_card_number_is_seen_among_other_text(card, around):
    assert mask(around.format(card)) == around.format("[card]")


@pytest.mark.parametrize(
    "name",
    [
        *("card", "Card", "card_number", "cardNumber", "card-no", "CARDNUMBER", "my_card"),
        *("pan", "PAN", "cvv", "CVV2", "cvc", "cid", "track", "track2", "exp", "exp_month"),
        *("expiry", "expiryDate", "X_CARD_NUMBER"),
    ],
)
def test_a_field_named_for_card_data_is_seen(name):
    assert is_card_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("expand", "company", "panel", "discard", "cardinal", "tracking_id", "expires_at"),
        *("lucid", "export", "span", "amount", "payment_method", "reference", ""),
    ],
)
def test_a_field_that_only_resembles_card_data_is_fine(name):
    assert not is_card_name(name)


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({"amount": 4111111111111111}, "/amount"),
        ({"metadata": {"note": "4111-1111-1111-1111"}}, "/metadata/note"),
        ({"list": [1, {"deep": ["x", "378282246310005"]}]}, "/list/1/deep/1"),
        ({"metadata": {"4111111111111111": "x"}}, "/metadata/[card]"),
        ({"a/b~c": {"cvc": "123"}}, "/a~1b~0c/cvc"),
        ("4111111111111111", ""),
        (4111111111111111.0, ""),
    ],
)
def test_card_data_is_found_wherever_it_is(value, pointer):
    assert find_card_data(value) == pointer


def test_a_body_without_card_data_passes():
    value = {"amount": 1000, "currency": "INR", "metadata": {"a": "b"}, "n": [None, True, 1.5]}

    assert find_card_data(value) is None


@pytest.mark.parametrize(
    "piece", ["4 ", "4", "4111 ", "4111111111111111 ", "a1", "AD12 ", "NO9386011117947 ", "%204"]
)
def test_a_hostile_text_costs_little(piece):
    began = perf_counter()

    mask(piece * (64_000 // len(piece)) + " 9999999999999")

    assert perf_counter() - began < 1
