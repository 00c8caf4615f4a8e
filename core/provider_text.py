"""What providers write, made fit to keep: storable, bounded, and without card numbers."""

import re

from django.utils.crypto import salted_hmac

from core.cards import holds_card_number, mask
from core.logging import get_logger

log = get_logger(__name__)

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

    One that looks like a card number becomes a keyed digest: it can still be told from others,
    but not be sent back. An adapter whose provider's ids are bare numbers gives them another form.
    """
    kept = UNSTORABLE.sub("", text)[:ID_LENGTH]
    if not holds_card_number(kept):
        return kept
    log.error("card_number.from_provider", member="provider_id")
    return f"masked-{salted_hmac('provider_id', kept, algorithm='sha256').hexdigest()[:32]}"
