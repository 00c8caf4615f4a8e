"""Pages that stood open, and buttons that were pressed twice: at the merchants and their keys."""

from typing import Any

import pytest

from core.audit import AuditEntry
from core.db import OPERATOR, acting_as
from core.models import ApiKey, Merchant
from tests.desk import Desk, text
from tests.money import a_shop

pytestmark = pytest.mark.usefixtures("committed_db")

WHY = {"reason": "they asked for it"}
NEW = {"name": "Acme", "default_gateway": "mock", **WHY}
ADD = "core/merchant/add/"
CARD = "4111 1111 1111 1111"
KEY = "sk_live_" + "a1B2" * 11


def acts() -> list[str]:
    with acting_as(OPERATOR):
        return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def test_the_same_page_twice_makes_one_merchant():
    desk = Desk()
    page = desk.hidden(ADD)

    made = desk.post(ADD, **page, **NEW)
    again = desk.post(ADD, **page, **NEW)

    assert made.status_code == 302
    assert "This page has made its merchant" in text(again)
    assert (Merchant.objects.count(), acts()) == (1, ["merchant.opened"])


def test_what_another_one_changed_is_not_changed_back_by_a_page_that_stood_open():
    merchant, desk = a_shop().merchant, Desk()
    edit = f"core/merchant/{merchant.id}/edit/"
    stale = desk.hidden(edit)
    Desk(name="ada").fill(edit, name="Acme", default_gateway="mock_failure", reason="fraud")

    answer = desk.post(edit, **stale, name="Acme Ltd", default_gateway="mock", **WHY)

    merchant.refresh_from_db()
    assert (merchant.name, merchant.default_gateway) == ("Acme", "mock_failure")
    assert "ada acted on it: merchant.changed, because “fraud”" in text(answer)
    assert acts() == ["merchant.changed"]


def press(desk: Desk, merchant: Merchant, act: str, **form: Any) -> Any:
    return desk.fill(act_of(desk, merchant, act), **{**WHY, **form})


def act_of(desk: Desk, merchant: Merchant, act: str) -> str:
    """Return where the button on the merchant's page leads."""
    shown = desk.get(f"core/merchant/{merchant.id}/change/").content.decode()
    path = f"core/merchant/{merchant.id}/act/{act}/"
    query: str = shown.partition(path)[2].partition('"')[0]
    return path + query


def test_a_merchant_is_not_let_in_by_who_saw_another_suspension():
    merchant, desk, ada = a_shop().merchant, Desk(), Desk(name="ada")
    press(ada, merchant, "suspend", reason="they did not pay")
    stale = desk.hidden(act_of(desk, merchant, "reactivate"))
    press(ada, merchant, "reactivate")
    press(ada, merchant, "suspend", reason="fraud")

    answer = desk.post(f"core/merchant/{merchant.id}/act/reactivate/", **stale, **WHY)

    merchant.refresh_from_db()
    assert (merchant.status, answer.status_code) == ("suspended", 409)
    assert "because “fraud”" in text(answer)


@pytest.mark.parametrize("sight", ["", "x", "01900000-0000-7000-8000-000000000001"])
def test_a_sight_made_by_hand_is_refused(sight):
    merchant, desk = a_shop().merchant, Desk()
    if not sight:
        press(desk, merchant, "suspend")

    answer = desk.post(f"core/merchant/{merchant.id}/act/close/", sight=sight, **WHY)

    merchant.refresh_from_db()
    assert (answer.status_code, merchant.status == "closed") == (409, False)


@pytest.mark.parametrize("name", [f"Acme {CARD}", KEY, "test_api_key"])
def test_a_name_is_no_place_for_what_must_not_be_read(name):
    merchant, desk = a_shop().merchant, Desk()
    edit, key = f"core/merchant/{merchant.id}/edit/", "core/apikey/add/"
    form = {**NEW, "name": name}

    answers = [
        desk.fill(ADD, **form),
        desk.fill(edit, **form),
        desk.fill(key, merchant=merchant.id, mode="test", scopes="*", name=name, **WHY),
    ]

    assert ["looks like a key or a card number" in text(one) for one in answers] == [True] * 3
    assert (Merchant.objects.count(), ApiKey.objects.count(), acts()) == (1, 1, [])


def test_a_name_may_only_sound_like_a_secret():
    Desk().fill(ADD, **{**NEW, "name": "Basic Furniture: token shop"})

    assert Merchant.objects.get().name == "Basic Furniture: token shop"
