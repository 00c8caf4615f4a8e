"""What providers write, made fit to keep: storable, bounded, and without card numbers."""

import re

from django.utils.crypto import salted_hmac

from core.addresses import ADDRESS_LENGTH, is_web_address
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


def clean_address(text: str) -> str:
    """Return the address where a provider wants a payer to go, or nothing if nobody may go there.

    It is whole or it is not there: one without a part of it would lead elsewhere.
    """
    if not text:
        return ""
    if len(text) > ADDRESS_LENGTH or not is_web_address(text):
        log.error("action_url.from_provider", reason="it is no web address")
        return ""
    if holds_card_number(text):
        log.error("card_number.from_provider", member="action_url")
        return ""
    return text
