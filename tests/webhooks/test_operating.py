"""A parked event is tried once more, or closed, by a person, and stays what it was."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

import pytest
from django.db import ProgrammingError
from psycopg2 import errors

from core.audit import AuditEntry
from core.db import OPERATOR, acting_as, rows
from payments.models import Notice
from tests.desk import Desk, page, text
from tests.money import a_shop, deliver, drain, told
from tests.payments.planting import insert
from tests.payments.promises import broken
from tests.webhooks.test_schema import event
from webhooks.models import ProviderEvent
from webhooks.sampling import parked_events

WHY = {"reason": "looked at it"}


@pytest.fixture
def parked(committed_db):
    """Give an event about an operation that we do not know."""
    payment = a_shop().sold(gateway="mock")
    told(payment, "charge.succeeded", provider_id="ch_9", reference=uuid4())
    drain()
    found = ProviderEvent.objects.get()
    assert found.parked_reason == "no operation of ours has this reference"
    return found


def button(desk: Desk, row: ProviderEvent, act: str) -> dict[str, str] | None:
    """Return what the button on the page of this event sends; None if there is none."""
    shown = desk.get(page("webhooks.providerevent", row.pk)).content.decode()
    found = re.search(rf'/{row.pk}/act/{act}/\?([^"]*)"', shown)
    return dict(parse_qsl(unescape(found[1]))) if found else None


def press(desk: Desk, row: ProviderEvent, act: str, seen: dict[str, str] | None = None) -> Any:
    known = button(desk, row, act) if seen is None else seen
    return desk.post(f"webhooks/providerevent/{row.pk}/act/{act}/", **(known or {}), **WHY)


def acts() -> list[tuple[str, str, str]]:
    with acting_as(OPERATOR):
        found = AuditEntry.objects.order_by("id")
        return [(one.actor, one.action, one.before["parked_reason"]) for one in found]


def test_a_closed_event_calls_for_nobody_and_stays(parked):
    desk = Desk()

    press(desk, parked, "close")

    parked.refresh_from_db()
    assert (parked.parked_reason, bool(parked.parked_at), bool(parked.closed_at)) == (
        "no operation of ours has this reference", True, True)  # fmt: skip
    assert acts() == [("noor", "provider_event.closed", parked.parked_reason)]
    assert "Parked provider events 0" in desk.read("")
    assert "Nothing is stuck, and nothing waits for a person." in desk.read("")
    assert parked_events() == 0
    assert "0 shown" in desk.read("webhooks/providerevent/", view="parked")
    assert "closed" in desk.read("webhooks/providerevent/")
    assert (button(desk, parked, "close"), button(desk, parked, "apply-again")) == (None, None)
    assert not broken()


def test_an_event_whose_message_died_is_applied_after_all(committed_db):
    payment = a_shop().sold(gateway="mock")
    told(payment, "charge.succeeded", provider_id="ch_1")
    rows("UPDATE outbox_message SET state = 9, finished_at = now() WHERE kind = 'apply'")
    rows("UPDATE webhooks_providerevent SET parked_at = now(), parked_reason = 'its message died'")
    row = ProviderEvent.objects.get()

    answer = press(Desk(), row, "apply-again")
    drain()

    assert answer.status_code == 302
    assert Notice.objects.filter(id=row.id).exists()
    assert acts() == [("noor", "provider_event.applied_again", "its message died")]
    assert not broken()


def test_one_that_still_does_not_fit_is_parked_again(parked):
    before = parked.parked_at

    press(Desk(), parked, "apply-again")
    drain()

    parked.refresh_from_db()
    assert parked.parked_reason == "no operation of ours has this reference"
    assert parked.parked_at > before
    assert not Notice.objects.exists()
    assert not broken()


@pytest.mark.parametrize("act", ["close", "apply-again"])
def test_a_page_that_stood_open_is_refused(parked, act):
    desk = Desk()
    seen = button(desk, parked, act)
    press(desk, parked, "apply-again")

    waiting = press(desk, parked, act, seen)
    drain()
    anew = press(desk, parked, act, seen)

    assert [waiting.status_code, anew.status_code] == [409, 409]
    assert "It is not parked any more" in text(waiting)
    assert "It was parked anew since you looked" in text(anew)
    assert len(acts()) == 1


def test_what_nobody_could_read_is_closed_but_not_tried_again(committed_db):
    deliver("mock", b'{"id": "evt_1", "type": "weather.changed"}')
    row, desk = ProviderEvent.objects.get(), Desk()

    assert button(desk, row, "apply-again") is None
    tried = press(desk, row, "apply-again", button(desk, row, "close"))
    closed = press(desk, row, "close")

    assert [tried.status_code, closed.status_code] == [409, 302]
    assert "it could not be read" in text(tried).lower()


@pytest.mark.parametrize(("act", "permission"), [("close", "close"), ("apply-again", "apply")])
def test_each_act_is_a_permission_of_its_own(parked, act, permission):
    permissions = {"webhooks.close_providerevent", "webhooks.apply_providerevent"}
    own = f"webhooks.{permission}_providerevent"
    boss = Desk(name="boss")
    seen = button(boss, parked, act)
    other = Desk("webhooks.view_providerevent", *permissions - {own}, name="ada")
    desk = Desk("webhooks.view_providerevent", own, name="bo")

    answers = [press(who, parked, act, seen).status_code for who in (other, desk)]

    assert answers == [403, 302]


@pytest.mark.parametrize("column", ["applied_at", "received_at"])
def test_no_operator_says_that_an_event_fits(operator, column):
    with operator.cursor() as cursor, pytest.raises(errors.InsufficientPrivilege):
        cursor.execute(f"UPDATE webhooks_providerevent SET {column} = now()")


@pytest.mark.django_db
def test_who_serves_requests_closes_no_event():
    with pytest.raises(ProgrammingError, match="permission denied"):
        rows("UPDATE webhooks_providerevent SET closed_at = now()")


def test_an_index_holds_the_open_ones_only(owner):
    for number, columns in enumerate(({}, {"closed_at": "2026-01-02"})):
        parked_row = {"parked_at": "2026-01-01", "parked_reason": "x", **columns}
        insert(owner, "webhooks_providerevent", **event(content_sha256=f"{number}", **parked_row))

    with owner.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT count(*) FROM webhooks_providerevent"
            " WHERE parked_at IS NOT NULL AND closed_at IS NULL"
        )
        plan = str(cursor.fetchall())
    assert "provider_event_parked" in plan
