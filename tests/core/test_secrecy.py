"""What `verify` takes for a card number or a key, asked of the database itself."""

import pytest

from core.secrecy import no_card_numbers, no_secrets


@pytest.fixture
def found(owner):
    """Give a function that says whether an invariant minds a text."""

    def ask(claim, text):
        with owner.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE scrap AS SELECT 1 AS id, %s::text AS word", [text])
            cursor.execute(claim("core", ["scrap"]).sql)
            return bool(cursor.fetchall())

    return ask


@pytest.mark.parametrize(
    "text",
    ["4111111111111111", "x 5555555555554444.", '{"n": "378282246310005"}', "6011111111111117, y"],
)
def test_a_card_number_is_seen(found, text):
    assert found(no_card_numbers, text)


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",
        "a4111111111111111",
        "order-4111111111111111",
        "1764075600000000",
        "41111111111111110000",
        "4111111111111111.25",
        "01a212db-5692-7ed8-ad05-7b29d70b7425",
    ],
)
def test_what_only_looks_like_one_is_not(found, text):
    assert not found(no_card_numbers, text)


@pytest.mark.parametrize(
    "text", ["sk_live_0123456789", "(mk_test_abcdefgh)", "whsec_MfKQ9r8GKYqrTw"]
)
def test_a_key_is_seen(found, text):
    assert found(no_secrets, text)


@pytest.mark.parametrize("text", ["ask_live_0123456789", "sk_live_", "task_test_run"])
def test_other_words_are_no_keys(found, text):
    assert not found(no_secrets, text)
