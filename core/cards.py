"""Card data is refused, never stored (PCI DSS): how to see it, and how to hide it in text.

A number is a card number when a known issuer range, that range's length and the Luhn digit
agree; the Luhn digit alone would accept one number in ten.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate
from typing import Any

MASK = "[card]"

_NAMES = frozenset(
    {
        *("card", "cards", "cardnumber", "cardno", "cardnum", "ccnumber", "ccnum", "pan"),
        *("cvv", "cvv2", "cvc", "cvc2", "csc", "cid"),
        *("track", "track1", "track2", "trackdata"),
        *("exp", "expiry", "expiration", "expmonth", "expyear", "expirydate"),
    }
)
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+(?![a-z])")

# Ids of ours, hashes and trace contexts hold long digit runs by chance.
_HEX_IDS = re.compile(
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
    r"|\b[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\b"
    r"|\b(?=[0-9]*[a-f])[0-9a-f]{24,}\b",
    re.IGNORECASE,
)
_RUN = re.compile(r"\d(?:[ .\-]?\d){12,}")
_GROUP = re.compile(r"\d+")

_DOUBLED = tuple((2 * digit) // 10 + (2 * digit) % 10 for digit in range(10))
_ANY = (13, 14, 15, 16, 17, 18, 19)
_LONG = (16, 17, 18, 19)
# (first prefix, last prefix, lengths), ISO/IEC 7812 issuer ranges by network.
_ISSUERS: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("4", "4", (13, 16, 18, 19)),
    ("51", "55", (16,)),
    ("2221", "2720", (16,)),
    ("34", "34", (15,)),
    ("37", "37", (15,)),
    ("300", "305", _ANY[1:]),
    ("309", "309", _ANY[1:]),
    ("36", "36", _ANY[1:]),
    ("38", "39", _ANY[1:]),
    ("3528", "3589", _LONG),
    ("2200", "2204", _LONG),
    ("50", "50", _ANY),
    ("56", "58", _ANY),
    ("60", "69", _ANY),
    ("81", "82", (16,)),
    ("9792", "9792", (16,)),
)


@lru_cache(maxsize=10_000)
def _lengths(prefix: str) -> tuple[int, ...]:
    for first, last, lengths in _ISSUERS:
        if first <= prefix[: len(first)] <= last:
            return lengths
    return ()


def _luhn_sums(digits: list[int], plain: int) -> list[int]:
    """Return running Luhn totals in which the places of one parity count as they are."""
    values = (
        digit if place % 2 == plain else _DOUBLED[digit] for place, digit in enumerate(digits)
    )
    return [*accumulate(values, initial=0)]


def _in_run(run: str) -> Iterator[tuple[int, int]]:
    """Find cards among neighbouring groups: ``2026 4111 1111 1111 1111`` holds one.

    Linear in the run, because a hostile body may be one long run.
    """
    # Unicode knows other digits than ours; a card typed in them is still a card.
    digits = [int(char) for char in run if char.isdecimal()]
    text = "".join(map(str, digits))
    sums = [_luhn_sums(digits, 0), _luhn_sums(digits, 1)]
    starts, ends, place = [], {}, 0
    for group in _GROUP.finditer(run):
        starts.append((place, group.start()))
        place += len(group[0])
        ends[place] = group.end()
    for first, start in starts:
        for length in _lengths(text[first : first + 4]):
            after = first + length
            total = sums[(after - 1) % 2]
            if after in ends and (total[after] - total[first]) % 10 == 0:
                yield start, ends[after]
                break


def _spans(text: str) -> Iterator[tuple[int, int]]:
    if _RUN.search(text) is None:
        return
    blanked = _HEX_IDS.sub(lambda found: "x" * len(found[0]), text)
    for run in _RUN.finditer(blanked):
        done = -1
        for start, end in _in_run(run[0]):
            if start >= done:
                yield run.start() + start, run.start() + end
                done = end


def holds_card_number(text: str) -> bool:
    """Tell whether a card number stands anywhere in the text."""
    return next(_spans(text), None) is not None


def mask(text: str) -> str:
    """Return the text with every card number in it replaced."""
    parts: list[str] = []
    done = 0
    for start, end in _spans(text):
        parts += [text[done:start], MASK]
        done = end
    return "".join([*parts, text[done:]]) if parts else text


@lru_cache(maxsize=1024)
def is_card_name(name: str) -> bool:
    """Tell whether a field of this name asks for card data (``cardNumber``, ``cvc``, ``exp``)."""
    words = [word.lower() for word in _WORDS.findall(name[:100])]
    return not _NAMES.isdisjoint(words) or "".join(words) in _NAMES


def _pointer(parent: str, step: object) -> str:
    return f"{parent}/{mask(str(step)).replace('~', '~0').replace('/', '~1')}"


def find_card_data(value: Any) -> str | None:
    """Return the JSON Pointer of the first card number or card field, its own text masked."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        pointer, part = waiting.pop()
        if isinstance(part, dict):
            for name, inner in part.items():
                if is_card_name(name) or holds_card_number(name):
                    return _pointer(pointer, name)
                waiting.append((_pointer(pointer, name), inner))
        elif isinstance(part, list):
            waiting.extend((_pointer(pointer, index), inner) for index, inner in enumerate(part))
        elif isinstance(part, str | int | float) and holds_card_number(str(part)):
            return pointer
    return None
