"""What providers write, made fit to keep: storable, bounded, and without card numbers."""

import re

from core.cards import mask

# Neither a NUL nor half of a surrogate pair can be stored as text by PostgreSQL.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
ID_LENGTH = 255
CODE_LENGTH = 100
DETAIL_LENGTH = 500
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def clean(text: str, limit: int) -> str:
    """Return the text as it may be stored, at most ``limit`` characters of it.

    It is cut last: half of a card number would no longer be seen.
    """
    return mask(UNSTORABLE.sub(REPLACEMENT, text))[:limit]


def clean_id(text: str) -> str:
    """Return a provider's id of its own object as it may be stored.

    It is not masked: it is compared and sent back, and a long number may look like a card's by
    chance, so that two objects would become one.
    """
    return UNSTORABLE.sub("", text)[:ID_LENGTH]
