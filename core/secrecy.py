"""Asks whether anything that nobody may keep stands in a table after all."""

from collections.abc import Sequence

from core.invariants import Invariant

# In one piece, of a length and a range that is issued, and no part of anything longer. Doors and
# logs know more ways to write one (core/cards.py); this has to be sure, over every row there is.
_RANGES = r"4\d{15}|5[1-5]\d{14}|2[2-7]\d{14}|6\d{15}|3[47]\d{13}"
_CARD = rf"(?<![\w.:~%/+=-])(?:{_RANGES})(?![\w:~%/+=-]|\.\w)"
_SECRET = r"\m[ms]k_(?:live|test)_\w{8,}|\mwhsec_[\w+/=-]{8,}"  # noqa: S105 - how they look
# Every second digit from the right is doubled, and its digits are added up.
_LUHN = """
    (SELECT sum(CASE WHEN place % 2 = 0 THEN digit * 2 - CASE WHEN digit > 4 THEN 9 ELSE 0 END
                     ELSE digit END) % 10
     FROM (SELECT place, substr(reverse(found[1]), place, 1)::int AS digit
           FROM generate_series(1, length(found[1])) AS place) AS digits) = 0
"""


def no_card_numbers(room: str, tables: Sequence[str]) -> Invariant:
    """Return the invariant that no row of a room's tables holds a card number."""
    parts = [
        f"""
        SELECT '{table}' AS relation, t.id::text FROM {table} t
        WHERE EXISTS (SELECT FROM regexp_matches(t::text, '({_CARD})', 'g') AS found WHERE {_LUHN})
        """  # noqa: S608 - our own constants
        for table in tables
    ]
    return Invariant(
        f"{room}-no-card-numbers",
        f"no card number stands in any column of the tables of {room}",
        " UNION ALL ".join(parts),
    )


def no_secrets(room: str, tables: Sequence[str]) -> Invariant:
    """Return the invariant that no row of these tables, which hold our own words, holds a key."""
    parts = [
        f"SELECT '{table}' AS relation, t.id::text FROM {table} t WHERE t::text ~ '{_SECRET}'"  # noqa: S608
        for table in tables
    ]
    return Invariant(
        f"{room}-no-secrets",
        f"no API key and no signing secret stands in any column that {room} writes by itself",
        " UNION ALL ".join(parts),
    )
