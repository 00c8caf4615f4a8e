"""Operators see endpoints and what they were sent, and can stop and resume them, with a reason."""

import re
from html import unescape
from urllib.parse import parse_qsl

import pytest

from core.audit import AuditEntry
from core.db import OPERATOR, acting_as
from tests.desk import Desk, page, text
from tests.money import drain, problem, run_due
from tests.webhooks.endpoint_shop import Told, events, patch, sell, told
from tests.webhooks.sinks import Sink

pytestmark = pytest.mark.usefixtures("committed_db")
WHY = {"reason": "their server is on fire"}


def button(desk: Desk, endpoint: Told, act: str) -> dict[str, str] | None:
    shown = desk.get(page("webhooks.endpoint", endpoint.id)).content.decode()
    found = re.search(rf'/{endpoint.id}/act/{act}/\?([^"]*)"', shown)
    return dict(parse_qsl(unescape(found[1]))) if found else None


def press(desk: Desk, endpoint: Told, act: str, seen: dict[str, str] | None = None):
    known = button(desk, endpoint, act) if seen is None else seen
    return desk.post(f"webhooks/endpoint/{endpoint.id}/act/{act}/", **(known or {}), **WHY)


def test_pages_show_what_was_sent_and_no_secret(sink: Sink):
    sink.statuses, sink.content = [500], b"we are on fire"
    endpoint = told(sink.url, events=["payment.created"])
    sell(endpoint.shop)
    run_due()
    (delivery,) = endpoint.deliveries()
    attempt = delivery.attempts.get()
    desk = Desk()

    shown = desk.read(page("webhooks.endpoint", endpoint.id))
    sent = desk.read(page("webhooks.delivery", delivery.id))
    tried = desk.read(page("webhooks.deliveryattempt", attempt.id))

    assert "payment.created" in shown
    assert "whsec" not in shown
    assert "status 500" in sent
    assert "we are on fire" in tried
    for name in ("endpoint", "delivery", "deliveryattempt"):
        assert str({"endpoint": endpoint.id, "delivery": delivery.id}.get(name, attempt.id)) in (
            desk.read(f"webhooks/{name}/")
        )
    assert desk.get("webhooks/endpointsecret/").status_code == 404


def test_an_operator_disables_and_enables_with_a_reason(sink: Sink):
    endpoint = told(sink.url, events=["payment.created"])
    desk = Desk()

    press(desk, endpoint, "disable")
    disabled = endpoint.row
    sell(endpoint.shop)
    press(desk, endpoint, "enable")
    drain()

    assert (disabled.status, disabled.disabled_by) == ("disabled", "operator")
    assert disabled.disabled_detail == WHY["reason"]
    assert endpoint.row.status == "enabled"
    assert sink.came == []
    with acting_as(OPERATOR):
        acts = list(AuditEntry.objects.order_by("id").values_list("action", "reason"))
    assert acts == [
        ("webhook_endpoint.disabled", WHY["reason"]),
        ("webhook_endpoint.enabled", WHY["reason"]),
    ]
    assert events("webhook_endpoint.disabled") == events("webhook_endpoint.enabled") == 1


def test_what_an_operator_disabled_is_not_its_merchants_to_enable(sink: Sink):
    endpoint = told(sink.url)
    press(Desk(), endpoint, "disable")

    answer = patch(endpoint.shop, endpoint.path, {"status": "enabled"})

    assert problem(answer) == (409, "invalid-state")
    assert endpoint.row.status == "disabled"


def test_an_act_on_what_has_changed_is_refused(sink: Sink):
    endpoint = told(sink.url)
    desk = Desk()
    seen = button(desk, endpoint, "disable")
    press(desk, endpoint, "disable")
    press(desk, endpoint, "enable")

    answer = press(desk, endpoint, "disable", seen)

    assert answer.status_code == 409
    assert "changed since you looked" in text(answer)
    assert endpoint.row.status == "enabled"


def test_nobody_acts_without_the_permission(sink: Sink):
    endpoint = told(sink.url)
    seen = button(Desk(), endpoint, "disable")
    reader = Desk("webhooks.view_endpoint", name="reader")

    assert button(reader, endpoint, "disable") is None
    assert press(reader, endpoint, "disable", seen).status_code == 403


def test_the_front_page_counts_what_was_given_up(sink: Sink):
    sink.statuses = [410]
    endpoint = told(sink.url, events=["payment.created"])
    sell(endpoint.shop)
    run_due()

    assert "Endpoints disabled for failing 1" in Desk().read("")
