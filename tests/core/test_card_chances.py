import re

import pytest

from core.cards import holds_card_number, is_card_in_key
from tests.core.made_keys import KINDS, NUMBERS, made
from tests.core.samples import CARDS, DISGUISED

# Neither an escape nor a magnetic stripe can stand in a key.
NO_KEY = re.compile(r"[%\\]")
MILLION = 1_000_000
# Visa has long ceased to issue thirteen digits.
ISSUED = [card for card in CARDS if len(card) != len("4222222222222")]
IN_ONE_LENGTH = ("14 digits", "15 digits", "16 digits", "19 digits", "order and 16 digits")


def share(kind, count, sees):
    """Return how many in a million of a kind are taken for cards; the same in every run."""
    return sum(map(sees, made(kind, count))) * MILLION // count


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_machine_makes_is_no_card(kind):
    keys = made(kind, 5000)

    assert [key for key in keys if is_card_in_key(key)] == []
    assert len([key for key in keys if holds_card_number(key)]) <= 1


def test_eight_random_bytes_are_a_card_only_if_they_are_sixteen_digits():
    assert share("hex of 8 bytes", 200_000, holds_card_number) < 60
    assert share("hex of 8 bytes", 200_000, is_card_in_key) < 60
    assert share("k and hex of 8 bytes", 200_000, is_card_in_key) < 15


@pytest.mark.parametrize("kind", NUMBERS)
def test_a_long_number_with_an_issuers_prefix_stays_refused_in_text(kind):
    assert 15_000 < share(kind, 10_000, holds_card_number) < 120_000


@pytest.mark.parametrize("kind", sorted(set(NUMBERS) - set(IN_ONE_LENGTH)))
def test_a_key_of_a_length_that_nobody_issues_is_no_card(kind):
    assert share(kind, 10_000, is_card_in_key) == 0


def test_a_key_of_a_length_that_is_issued_may_be_one():
    shares = {kind: share(kind, 10_000, is_card_in_key) for kind in IN_ONE_LENGTH}

    assert 30_000 < shares["16 digits"] < 55_000
    assert 30_000 < shares["order and 16 digits"] < 55_000
    assert max(shares["14 digits"], shares["15 digits"], shares["19 digits"]) < 6_000


@pytest.mark.parametrize("form", ["{}", "order-{}", "card{}", "{}-1000-20261125", "pan:{}~1"])
@pytest.mark.parametrize("card", ISSUED)
def test_a_card_number_in_a_key_is_seen(form, card):
    assert is_card_in_key(form.format(card))


@pytest.mark.parametrize("card", [text for text in DISGUISED if not NO_KEY.search(text)])
def test_a_card_number_in_disguise_is_seen_in_a_key(card):
    assert is_card_in_key(card)
