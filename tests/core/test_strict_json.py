import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Problem
from core.strict_json import parse
from tests.core.samples import CARDS


def refusal(raw: bytes) -> Problem:
    with pytest.raises(Problem) as caught:
        parse(raw)
    return caught.value


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": 1} x',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": NaN}',
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e999]",
        b"\xef\xbb\xbf{}",
        b'{"a": "\xff"}',
        '{"a": "é"}'.encode("latin-1"),
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\x00"}',
        rb'{"a": "\u0000"}',
        rb'{"\u0000": 1}',
        rb'{"a": ["\ud800"]}',
        rb'{"a": "\udc00x"}',
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b"[" * 33 + b"]" * 33,
        b"[" + b"9" * 5000 + b"]",
        b"[01]",
        b"[+1]",
        b"[1_000]",
    ],
    ids=lambda raw: raw[:12].hex(),
)
def test_json_that_is_not_strict_is_refused(raw):
    assert refusal(raw).slug == "malformed-json"


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"{}", {}),
        (b" [1, 2.5, true, null] ", [1, 2.5, True, None]),
        ('{"é": "→"}'.encode(), {"é": "→"}),
        (rb'{"a": "\u00e9\ud83d\ude00\\u0000"}', {"a": "é😀\\u0000"}),
        (b"[" * 32 + b"]" * 32, json.loads("[" * 32 + "]" * 32)),
        (b'["' + b"[" * 100 + rb"\"" + b"[" * 100 + b'"]', ["[" * 100 + '"' + "[" * 100]),
        (b"[" + b",".join([b"{}"] * 100) + b"]", [{}] * 100),
    ],
    ids=["object", "array", "utf-8", "escapes", "32 deep", "brackets in a string", "wide"],
)
def test_strict_json_is_read(raw, value):
    assert parse(raw) == value


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**11), 10**11) | st.text('abé→\n"\\[{'),
        lambda inner: st.lists(inner) | st.dictionaries(st.text("xyz"), inner),
    )
)
def test_whatever_python_writes_is_read_back(value):
    assert parse(json.dumps(value).encode()) == value
    assert parse(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary(max_size=60))
def test_any_bytes_give_their_value_or_a_refusal(raw):
    with suppress(Problem):
        assert parse(raw) == json.loads(raw)


@pytest.mark.parametrize("card", CARDS)
def test_card_data_is_refused_by_place_and_never_repeated(card):
    problem = refusal(json.dumps({"metadata": {"note": f"my card is {card}"}}).encode())

    assert (problem.status, problem.slug) == (422, "cardholder-data-not-accepted")
    assert [error["pointer"] for error in problem.errors or []] == ["/metadata/note"]
    assert card not in json.dumps(problem.body(""))


def test_a_card_number_hidden_by_escapes_is_seen():
    escaped = "".join(f"\\u003{digit}" for digit in "4111111111111111")

    assert refusal(f'["{escaped}"]'.encode()).slug == "cardholder-data-not-accepted"
