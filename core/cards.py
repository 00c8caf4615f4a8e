"""Card data is refused, never stored (PCI DSS): how to see it, and how to hide it in text.

A number is a card number when a known issuer range, that range's length and the Luhn digit
agree; the Luhn digit alone would accept one number in ten. It is written in one piece or in groups
as on a card, because among random keys and counters some digits in a row always agree by chance.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import accumulate
from typing import Any

from core.ibans import find_ibans

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

# Ids of ours, hashes and trace contexts hold long digit runs by chance; an escape in a URL is no
# digit of what follows it; a bank account number is written in fours, too.
_HEX_IDS = re.compile(
    r"(?<![0-9a-f])(?:"
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|(?:[0-9a-f]{2}-)?[0-9a-f]{32}-[0-9a-f]{16}(?:-[0-9a-f]{1,2})?"
    r"|(?=[0-9]*[a-f])[0-9a-f]{24,}"
    r")(?![0-9a-f])",
    re.IGNORECASE | re.ASCII,
)
_URL_ESCAPE = re.compile(r"%(?:0[09AD]|2[0-9A-F]|3[A-F]|[57][B-F])", re.IGNORECASE | re.ASCII)
_RUN = re.compile(r"\d(?:[ .\-\u00a0\u2007\u2010-\u2013\u202f]?\d){12,}")
_GROUP = re.compile(r"\d+")
_LETTERS_BEFORE = re.compile(r"[^\W\d_]*\Z")
_LETTERS_AFTER = re.compile(r"[^\W\d_]*")
# Longer runs of a to f are rather words than chance.
_HEX_LETTERS = re.compile(r"[a-f]{1,3}", re.IGNORECASE | re.ASCII)
# Hexadecimal by accident; B opens the first track of a magnetic stripe.
_HEX_WORDS = frozenset({"cc", "CC", "acc", "ACC", "Acc", "B"})

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
# What is issued of it today. The other lengths are allowed to an issuer, but a number that long is
# an id made by a machine (18 digits: a snowflake).
_ISSUED: dict[int, tuple[str, ...]] = {
    14: ("30", "36", "38", "39"),
    15: ("34", "37"),
    16: ("",),
    19: ("62",),
}


def _evenly(size: int) -> set[tuple[int, ...]]:
    """Return how numbers of 14 to 19 digits look in groups of this size and a shorter last one."""
    return {
        (size,) * (length // size) + ((length % size,) if length % size else ())
        for length in range(14, 20)
    }


# Thirteen digits are a card of the last century: only in one piece.
_GROUPINGS = frozenset().union(*(_evenly(size) for size in (1, 2, 3, 4)), {(4, 6, 5), (4, 6, 4)})
# Joined by anything else these are rather dates, counters or halves of a UUID.
_SPACED_GROUPINGS = frozenset(
    {(5, 5, 5), (6, 6, 4), (6, 13), (8, 8), (4, 4, 8), (4, 8, 4), (8, 4, 4)}
)
# Four digits and more are typed by people, with whatever separators.
_TYPED_ANYHOW = 4


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


def _is_grouped(sizes: tuple[int, ...], separators: set[str]) -> bool:
    """Tell whether cards are written in such groups."""
    if sizes in _SPACED_GROUPINGS:
        return all(separator.isspace() for separator in separators)
    # Amounts and addresses alternate: 41.10 22.50, 10.0.0.1 10.0.0.2.
    return sizes in _GROUPINGS and (sizes[0] >= _TYPED_ANYHOW or len(separators) == 1)


def _in_run(run: str) -> Iterator[tuple[int, int, str]]:
    """Find cards among neighbouring groups: ``2026 4111 1111 1111 1111`` holds one.

    Linear in the run, because a hostile body may be one long run.
    """
    # Unicode knows other digits than ours; a card typed in them is still a card.
    digits = [int(char) for char in run if char.isdecimal()]
    text = "".join(map(str, digits))
    sums = [_luhn_sums(digits, 0), _luhn_sums(digits, 1)]
    groups = list(_GROUP.finditer(run))
    sizes = [len(group[0]) for group in groups]
    places = [*accumulate(sizes, initial=0)]
    ends = {place: index for index, place in enumerate(places)}
    for index, (first, group) in enumerate(zip(places, groups, strict=False)):
        for length in _lengths(text[first : first + 4]):
            after = first + length
            total = sums[(after - 1) % 2]
            if after not in ends or (total[after] - total[first]) % 10:
                continue
            last = ends[after]
            joined = {run[other.end()] for other in groups[index : last - 1]}
            if not joined or _is_grouped(tuple(sizes[index:last]), joined):
                yield group.start(), groups[last - 1].end(), text[first:after]


def _blanked(text: str) -> str:
    """Return the text, as long as it was, without digits that belong to something else."""
    text = _HEX_IDS.sub(lambda found: "x" * len(found[0]), text)
    text = _URL_ESCAPE.sub("%%%", text)
    chars = list(text)
    for start, end in find_ibans(text):
        chars[start:end] = "x" * (end - start)
    return "".join(chars)


def _is_by_chance(text: str, start: int, end: int, fewest_letters: int) -> bool:
    """Tell whether the letters that touch a number are those of a random token."""
    before = _LETTERS_BEFORE.search(text, max(0, start - 4), start)
    after = _LETTERS_AFTER.match(text, end, end + 4)
    return any(
        0 < len(found[0]) < fewest_letters
        or (_HEX_LETTERS.fullmatch(found[0]) is not None and found[0] not in _HEX_WORDS)
        for found in (before, after)
        if found is not None
    )


def _spans(text: str, *, is_key: bool = False) -> Iterator[tuple[int, int]]:
    if _RUN.search(text) is None:
        return
    blanked = _blanked(text)
    done = -1
    for run in _RUN.finditer(blanked):
        for first, last, number in _in_run(run[0]):
            start, end = run.start() + first, run.start() + last
            if start < done or _is_by_chance(blanked, start, end, 2 if is_key else 0):
                continue
            if is_key and not number.startswith(_ISSUED.get(len(number), ())):
                continue
            yield start, end
            done = end


def holds_card_number(text: str) -> bool:
    """Tell whether a card number stands anywhere in the text."""
    return next(_spans(text), None) is not None


def is_card_in_key(key: str) -> bool:
    """Tell whether a card number stands in a key that a merchant's system has made.

    Machines make keys of digits, and a key refused by chance is a payment that can never be
    repeated: so a number counts only in a length that is issued, and not behind a single letter.
    """
    return next(_spans(key, is_key=True), None) is not None


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


def _pointer(path: Iterable[object]) -> str:
    steps = (mask(str(step)).replace("~", "~0").replace("/", "~1") for step in path)
    return "".join(f"/{step}" for step in steps)


def find_card_data(value: Any) -> str | None:
    """Return the JSON Pointer of the first card number or card field, its own text masked."""
    waiting: list[tuple[tuple[object, ...], Any]] = [((), value)]
    while waiting:
        path, part = waiting.pop()
        if isinstance(part, dict):
            for name, inner in part.items():
                if is_card_name(name) or holds_card_number(name):
                    return _pointer((*path, name))
                waiting.append(((*path, name), inner))
        elif isinstance(part, list):
            waiting.extend(((*path, index), inner) for index, inner in enumerate(part))
        elif isinstance(part, str | int | float) and holds_card_number(str(part)):
            return _pointer(path)
    return None
