"""The payment's timeline on its page: the same as merchants read, with links."""

from core.desk import words
from core.desk.pages import Section
from payments import happenings
from payments.models import Payment
from payments.timeline import ROWS_MAX, Entry

_PAGES = {
    "operator_act": "core_auditentry",
    "provider_event": "webhooks_providerevent",
    "attempt": "payments_attempt",
    "answer": "payments_attempt",
    "notice": "payments_notice",
    "ledger_line": "ledger_transfer",
    "event": "payments_event",
    "delivery": "webhooks_delivery",
    "message": "outbox_message",
}
_PAGES_OF_DISPUTES = {"notice": "webhooks_providerevent"}


def story(payment: Payment) -> Section:
    """Return everything that happened to a payment, in causal order."""
    found = happenings.timeline(payment)
    return Section(
        "Timeline",
        ("When", "What", "Of", "Facts"),
        [_row(entry) for entry in found.entries],
        "Nothing is known.",
        f"Only the first {ROWS_MAX} of a kind are shown." if found.is_cut else "",
    )


def _row(entry: Entry) -> tuple[object, ...]:
    kind, object_id = entry.object
    what = entry.kind.replace("_", " ")
    pages = _PAGES | _PAGES_OF_DISPUTES if kind == "dispute" else _PAGES
    return (
        words.moment(entry.at),
        words.link(pages.get(entry.kind, ""), entry.id, what),
        words.link(f"payments_{kind}", object_id, kind),
        words.said(", ".join(f"{name}: {value}" for name, value in _told(entry))),
    )


def _told(entry: Entry) -> list[tuple[str, object]]:
    told = [(name.replace("_", " "), value) for name, value in entry.facts.items()]
    return [(name, value) for name, value in told if value is not None]
