"""Merchants are opened, changed, suspended and closed by people, each time for a reason."""

import re
from typing import Any
from uuid import UUID

import pytest
from psycopg2 import errors

from core import merchants
from core.audit import ActRefused, AuditEntry, last_act
from core.db import OPERATOR, acting_as
from core.models import Merchant
from tests.desk import Desk, page, text
from tests.money import a_shop
from tests.payments.planting import insert, plant_merchant, update

pytestmark = pytest.mark.usefixtures("committed_db")

WHY = {"reason": "they asked for it"}
BY = {"actor": "ada", **WHY}


def told() -> list[tuple[str, str, Any, Any]]:
    with acting_as(OPERATOR):
        found = AuditEntry.objects.order_by("id")
        return [(one.actor, one.action, one.before, one.after) for one in found]


def press(desk: Desk, merchant: Merchant, act: str, **form: str) -> Any:
    with acting_as(OPERATOR):
        sight = last_act(merchant.id)
    path = f"core/merchant/{merchant.id}/act/{act}/"
    return desk.post(path, **{**WHY, "sight": sight, **form})


def let_in(shop: Any) -> int:
    return int(shop.get("/api/balance/").status_code)


def test_a_merchant_is_opened_and_changed(settings):
    desk = Desk()

    made = desk.fill("core/merchant/add/", name="Acme", default_gateway="mock", **WHY)
    merchant = Merchant.objects.get()
    edit = f"core/merchant/{merchant.id}/edit/"
    assert 'value="Acme"' in desk.get(edit).content.decode()
    changed = desk.fill(edit, name="Acme Ltd", default_gateway="mock_success", **WHY)

    assert made["Location"] == changed["Location"] == f"/admin/core/merchant/{merchant.id}/change/"
    first = {"name": "Acme", "status": "active", "default_gateway": "mock"}
    second = {"name": "Acme Ltd", "status": "active", "default_gateway": "mock_success"}
    assert told() == [
        ("noor", "merchant.opened", {}, first),
        ("noor", "merchant.changed", first, second),
    ]


@pytest.mark.parametrize(
    "changed", [{"default_gateway": "nowhere"}, {"reason": " "}, {"name": ""}, {"name": "x" * 201}]
)
def test_a_merchant_is_not_opened_with(changed):
    form = {"name": "Acme", "default_gateway": "mock", **WHY, **changed}

    answer = Desk().fill("core/merchant/add/", **form)

    assert "Nothing was done." in text(answer)
    assert (Merchant.objects.count(), told()) == (0, [])


def test_a_merchants_gateway_is_one_that_there_is_whoever_asks():
    with acting_as(OPERATOR), pytest.raises(ActRefused, match="'nowhere' is configured"):
        merchants.open_merchant(
            merchant_id=UUID(int=1), name="Acme", default_gateway="nowhere", **BY
        )


def test_a_merchant_is_suspended_let_in_again_and_closed():
    shop, desk = a_shop(), Desk()
    seen = []

    for act in ("suspend", "reactivate", "close"):
        assert press(desk, shop.merchant, act).status_code == 302
        seen.append(let_in(shop))

    assert seen == [401, 200, 401]
    assert [action for _, action, _, _ in told()] == [
        "merchant.suspended",
        "merchant.active",
        "merchant.closed",
    ]


def test_what_a_closed_merchant_accepted_is_still_seen_and_nothing_can_be_done_to_it():
    shop, desk = a_shop(), Desk()
    press(desk, shop.merchant, "close")

    shown = desk.read(page("core.merchant", shop.merchant.id))
    refused = [press(desk, shop.merchant, act) for act in ("suspend", "reactivate", "close")]
    edited = desk.fill(
        f"core/merchant/{shop.merchant.id}/edit/", name="x", default_gateway="mock", **WHY
    )

    assert not {"Suspend", "Reactivate", "Close", "Change", "Issue a key"} & set(
        re.findall(r"[A-Z][a-z]+(?: a key)?", shown.partition("Id")[0])
    )
    assert [answer.status_code for answer in refused] == [409] * 3
    assert "The merchant is closed now" in text(refused[0])
    assert "stays as it is" in text(edited)
    assert len(told()) == 1


def test_an_act_without_a_reason_is_not_done():
    shop, desk = a_shop(), Desk()

    press(desk, shop.merchant, "suspend", reason=" ")

    assert let_in(shop) == 200
    assert told() == []


@pytest.mark.parametrize(
    ("act", "permission"),
    [
        ("suspend", "core.suspend_merchant"),
        ("reactivate", "core.reactivate_merchant"),
        ("close", "core.close_merchant"),
    ],
)
def test_each_act_is_a_permission_of_its_own(act, permission):
    shop = a_shop()
    if act == "reactivate":
        Merchant.objects.update(status="suspended")
    others = {
        "core.add_merchant",
        "core.change_merchant",
        "core.view_merchant",
        "core.suspend_merchant",
        "core.reactivate_merchant",
        "core.close_merchant",
    } - {permission}

    without = press(Desk(*others, name="ada"), shop.merchant, act)
    given = press(Desk("core.view_merchant", permission), shop.merchant, act)

    assert (without.status_code, given.status_code) == (403, 302)


@pytest.mark.parametrize("path", ["core/merchant/add/", "core/merchant/{id}/edit/"])
def test_making_and_changing_are_permissions_of_their_own(path):
    shop = a_shop()
    desk = Desk("core.view_merchant", "core.close_merchant")

    answer = desk.post(path.format(id=shop.merchant.id), name="x", default_gateway="mock", **WHY)

    assert answer.status_code == 403
    assert desk.post(f"core/merchant/{shop.merchant.id}/delete/", post="yes").status_code == 403


class TestTheDatabase:
    def test_keeps_a_closed_merchant_closed(self, owner):
        merchant_id = plant_merchant(owner)
        update(owner, "core_merchant", merchant_id, status="closed")
        update(owner, "core_merchant", merchant_id, name="another")

        with pytest.raises(errors.RestrictViolation, match="stays closed"):
            update(owner, "core_merchant", merchant_id, status="active")

    def test_keeps_every_merchant(self, owner):
        merchant_id = plant_merchant(owner)

        with (
            owner.cursor() as cursor,
            pytest.raises(errors.RestrictViolation, match="never deleted"),
        ):
            cursor.execute("DELETE FROM core_merchant WHERE id = %s", [merchant_id])

    def plant_key(self, owner: Any, **columns: Any) -> str:
        return insert(
            owner,
            "core_apikey",
            **{
                "merchant_id": plant_merchant(owner),
                "mode": "test",
                "name": "",
                "secret_sha256": "0" * 64,
                "last_four": "abcd",
                "scopes": "[]",
                **columns,
            },
        )

    @pytest.mark.parametrize("after", [None, "2027-01-01"])
    def test_keeps_a_revoked_key_revoked(self, owner, after):
        key_id = self.plant_key(owner, revoked_at="2026-01-01")

        with pytest.raises(errors.RestrictViolation, match="stays revoked"):
            update(owner, "core_apikey", key_id, revoked_at=after)

    @pytest.mark.parametrize(
        "change",
        [{"mode": "live"}, {"secret_sha256": "1" * 64}, {"merchant_id": str(UUID(int=1))}],
    )
    def test_keeps_whose_key_it_is(self, owner, change):
        key_id = self.plant_key(owner)

        with pytest.raises(errors.RestrictViolation, match="whose key it is"):
            update(owner, "core_apikey", key_id, **change)

    def test_keeps_every_key(self, owner):
        key_id = self.plant_key(owner)

        with (
            owner.cursor() as cursor,
            pytest.raises(errors.RestrictViolation, match="never deleted"),
        ):
            cursor.execute("DELETE FROM core_apikey WHERE id = %s", [key_id])
