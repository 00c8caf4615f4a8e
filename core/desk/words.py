"""How the desk writes things: money, times, ages, states, links."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db.models import Model
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core import money, provider_text, redaction
from core.addresses import host_of

NOTHING = "–"
# Larger than the next unit is as exact as anybody wants it.
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_MINUTE = 60
# Who has the address of a payer's page can act as that payer.
_ACTION_URL = "action_url"


def amount(minor: int | None, currency: str) -> str:
    """Return an amount as people write it, with the decimals that its currency has."""
    if minor is None:
        return NOTHING
    exponent = money.exponent(currency)
    if exponent is None:
        return f"{minor} minor units of {currency or 'no currency'}"
    sign, digits = "-" if minor < 0 else "", str(abs(minor)).rjust(exponent + 1, "0")
    whole, part = (digits[:-exponent], f".{digits[-exponent:]}") if exponent else (digits, "")
    return f"{sign}{int(whole):,}{part} {currency}"


def moment(at: datetime | None) -> str:
    """Return a moment as ISO 8601 in UTC, to the millisecond."""
    if at is None:
        return NOTHING
    text = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return format_html("<time>{}</time>", text)


def duration(seconds: float) -> str:
    """Return a duration in its two largest units."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for name, size in _UNITS:
        count, left = divmod(left, size)
        if count or (name == "s" and not parts):
            parts.append(f"{count} {name}")
        elif parts:
            break
        if len(parts) == 2:  # noqa: PLR2004 - as the docstring says
            break
    return " ".join(parts)


def age(at: datetime | None, now: datetime) -> str:
    """Return how long ago something was, or how far ahead it is."""
    if at is None:
        return NOTHING
    seconds = (now - at).total_seconds()
    return f"in {duration(-seconds)}" if seconds <= -1 else duration(seconds)


def said(text: str, limit: int = 4_000) -> str:
    """Return what others wrote, fit to be shown: without secrets and card numbers."""
    return provider_text.clean(redaction.clean(text), limit) or NOTHING


def shown(value: Any) -> Any:
    """Return a value of any column as the desk writes it."""
    match value:
        case None:
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case datetime():
            return moment(value)
        case dict() | list():
            text = json.dumps(without_payers_pages(value), ensure_ascii=False, indent=1)
            return format_html("<pre>{}</pre>", redaction.clean(text)) if value else NOTHING
        case str():
            return said(value)
    return value


def payers_page(address: str) -> str:
    """Return whose page a payer has to go to. The rest of it is for the payer alone."""
    return said(host_of(address))


def without_payers_pages(value: Any) -> Any:
    """Return what was said with no more of a payer's page in it than whose it is."""
    if isinstance(value, list):
        return [without_payers_pages(one) for one in value]
    if not isinstance(value, dict):
        return value
    is_way = value.get("type") == "redirect"
    return {
        name: payers_page(one)
        if isinstance(one, str) and (name.endswith(_ACTION_URL) or (is_way and name == "url"))
        else without_payers_pages(one)
        for name, one in value.items()
    }


def column(row: Model, one: Any) -> Any:
    """Return what a column of a row holds: money with its currency, an id of a row as a link."""
    value = getattr(row, one.attname)
    if one.remote_field:
        return link(page_of(one.remote_field.model), value)
    if one.name.endswith(_ACTION_URL):
        return payers_page(value)
    if one.name.startswith("amount") and hasattr(row, "currency"):
        return amount(value, row.currency)
    return shown(value)


def foreign_id(text: str) -> SafeString | str:
    """Return the id that others gave to a thing; it may be long, and breaks anywhere."""
    return format_html('<span class="foreign">{}</span>', said(text)) if text else NOTHING


def tail(key: Any) -> str:
    """Return the end of an id, enough to tell it from others of the same page."""
    return str(key)[-12:]


def mark(text: str, tone: str) -> SafeString:
    """Return a word on a colour; ``tone`` is one of bad, warn, busy, good, calm."""
    return format_html('<span class="mark {}">{}</span>', tone, text)


def tinted(text: str, tones: Mapping[str, str]) -> SafeString:
    """Return a word on the colour that it has among these."""
    return mark(text, tones.get(text, "calm"))


def link(name: str, key: Any, text: Any = None) -> str | SafeString:
    """Return a link to the page of a row; ``name`` is ``app_model``.

    A row that has no page is named all the same.
    """
    if key is None or key == "":
        return NOTHING
    shown = text if text is not None else key
    try:
        return format_html(
            '<a href="{}">{}</a>', reverse(f"admin:{name}_change", args=[key]), shown
        )
    except NoReverseMatch:
        return str(shown)


def page_of(model: type[Model]) -> str:
    """Return the name of the pages of this model."""
    return model._meta.label_lower.replace(".", "_")


def to(row: Model | None, text: Any = None) -> str | SafeString:
    """Return a link to the page of this row."""
    if row is None:
        return NOTHING
    return link(page_of(type(row)), row.pk, text)
