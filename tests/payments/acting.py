"""An operator who does something to a message, as far as the desk lets him."""

import re
from html import unescape
from urllib.parse import parse_qsl, urlsplit

from core.audit import AuditEntry
from core.db import OPERATOR, acting_as, rows
from gateways.base import Outcome, OutcomeKind, succeeded
from outbox.models import Message
from tests.desk import page
from tests.money import a_shop, charge_of, messages, reciting, run_due

REFUSING = Outcome(kind=OutcomeKind.NOT_SENT, code="unreachable", message="no route to host")


def the_message(payment, kind="charge"):
    return Message.objects.get(subject_id=charge_of(payment).id, kind=kind)


def a_dead_charge(settings):
    """Return a payment whose provider could not be reached as often as it was tried."""
    provider = reciting(settings, REFUSING)
    payment = a_shop().accepted()
    rows("UPDATE outbox_message SET max_attempts = 1")
    run_due()
    assert messages(charge_of(payment).id, "kind", "state") == [("charge", 9), ("inquire", 0)]
    provider.answers = [succeeded("ch_1", payment.amount, payment.currency)]
    provider.requests.clear()
    return payment


def button(desk, row, label):
    """Return where a button on a page leads, and what the page says the row is like."""
    found = desk.get(page(row._meta.label_lower, row.pk)).content.decode()
    match = re.search(rf'<a class="button" href="([^"]+)">{label}</a>', found)
    if match is None:
        return None
    parts = urlsplit(unescape(match[1]))
    return parts.path.removeprefix("/admin/"), dict(parse_qsl(parts.query))


def act(desk, row, label, **form):
    path, seen = button(desk, row, label)
    return desk.post(path, **seen, **form)


def audited():
    with acting_as(OPERATOR):
        return list(AuditEntry.objects.order_by("id").values_list("actor", "action", "reason"))
