"""The desk shows whose page a payer has to go to, and not the page."""

import pytest

from core.desk import words
from gateways.base import requires_action
from payments.models import Attempt, Event, Notice
from tests.desk import Desk, page
from tests.money import a_shop, charge_of, reciting, run_due, told
from webhooks.models import ProviderEvent

URL = "https://pay.test/act/a-secret-of-the-payer"


@pytest.fixture
def waiting(settings, committed_db):
    reciting(settings, requires_action(URL, "ch_1"))
    payment = a_shop().accepted()
    run_due()
    told(payment, "charge.requires_action", action_url=URL)
    run_due()
    return payment


def test_every_page_names_the_host_alone(waiting):
    desk = Desk()
    rows = [
        waiting,
        charge_of(waiting),
        Attempt.objects.get(),
        Notice.objects.get(),
        Event.objects.get(type="payment.requires_action"),
        ProviderEvent.objects.get(),
    ]

    shown = [desk.get(page(row._meta.label_lower, row.pk)).content.decode() for row in rows]

    for text in shown:
        assert "pay.test" in text
        assert "a-secret-of-the-payer" not in text
    assert "REQUIRES_ACTION" in shown[0]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"next_action": {"type": "redirect", "url": URL}},
         {"next_action": {"type": "redirect", "url": "pay.test"}}),
        ([{"action_url": URL, "code": "x"}], [{"action_url": "pay.test", "code": "x"}]),
        ({"url": URL}, {"url": URL}),
        ({"next_action": None}, {"next_action": None}),
    ],
)  # fmt: skip
def test_what_was_told_is_shown_without_it(said, shown):
    assert words.without_payers_pages(said) == shown
