"""The pages of acts, stored answers and users."""

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from core import audit
from core.db import OPERATOR, acting_as, rows, transaction
from core.models import IdempotencyRecord
from tests.conftest import as_owner
from tests.desk import Desk, page
from tests.money import a_shop

pytestmark = pytest.mark.usefixtures("committed_db")


def acted(actor: str, action: str, subject_id: Any = "", **changed: Any) -> Any:
    with acting_as(OPERATOR), transaction():
        return audit.record(
            **{
                "actor": actor,
                "action": action,
                "subject_type": "merchant",
                "subject_id": subject_id or uuid4(),
                "reason": f"{actor} had to",
                "before": {},
                "after": {},
                **changed,
            }
        )


def test_acts_are_listed_the_last_one_first_and_found_by_who_what_and_when():
    acted("ada", "merchant.suspended")
    acted("bo", "api_key.revoked")
    desk = Desk()

    everything = desk.read("core/auditentry/")

    assert everything.index("bo had to") < everything.index("ada had to")
    for filters, shown in (
        ({"actor": "ada"}, ("ada",)),
        ({"action": "api_key.revoked"}, ("bo",)),
        ({"since": "hour"}, ("ada", "bo")),
        ({"actor": "ada", "action": "api_key.revoked"}, ()),
    ):
        found = desk.read("core/auditentry/", **filters)
        assert tuple(who for who in ("ada", "bo") if f"{who} had to" in found) == shown
    with as_owner():
        rows("ALTER TABLE core_auditentry DISABLE TRIGGER core_auditentry_append_only")
        rows("UPDATE core_auditentry SET at = at - interval '2 hours'")
    assert "had to" not in desk.read("core/auditentry/", since="hour")


def test_an_act_leads_to_what_it_was_done_to():
    shop = a_shop()
    entry = acted("ada", "merchant.suspended", shop.merchant.id)
    acted("bo", "merchant.suspended")
    desk = Desk()

    link = f'href="/admin/core/merchant/{shop.merchant.id}/change/"'

    assert link in desk.get(page("core.auditentry", entry)).content.decode()
    assert "ada had to" in desk.read("core/auditentry/", q=str(shop.merchant.id))
    assert "bo had to" not in desk.read("core/auditentry/", q=str(shop.merchant.id))
    assert "ada had to" in desk.read(page("core.merchant", shop.merchant.id))


def test_a_reason_is_shown_as_text():
    entry = acted("ada", "merchant.suspended", reason="<script>alert(1)</script>")

    shown = Desk().get(page("core.auditentry", entry)).content.decode()

    assert "&lt;script&gt;alert(1)" in shown
    assert "<script>alert(1)" not in shown


@pytest.mark.parametrize("verb", ["add/", "{id}/delete/"])
def test_an_act_is_neither_made_nor_changed_nor_deleted_at_the_desk(verb):
    entry = acted("ada", "merchant.suspended")

    answer = Desk().post(f"core/auditentry/{verb.format(id=entry)}", reason="x", post="yes")

    assert answer.status_code in {403, 404}


def test_acts_are_for_who_may_see_them():
    assert Desk("core.view_merchant").get("core/auditentry/").status_code == 403
    assert Desk("core.view_auditentry", name="ada").get("core/auditentry/").status_code == 200


def test_stored_answers_are_shown_without_what_they_say():
    shop, desk = a_shop(), Desk()
    shop.pay(key="order-1", description="a private matter")
    record = IdempotencyRecord.objects.get()

    shown = desk.read(page("core.idempotencyrecord", record.id))

    assert "order-1" in desk.read("core/idempotencyrecord/")
    assert record.fingerprint in shown
    assert "a private matter" in record.body
    assert "a private matter" not in shown


def test_a_user_is_made_and_made_inactive_but_never_deleted():
    desk = Desk()
    form = {"username": "bo", "password1": "a good long one", "password2": "a good long one",
            "usable_password": "true", "reason": "he joins"}  # fmt: skip

    made = desk.post("auth/user/add/", **form)
    with acting_as(OPERATOR):
        user = User.objects.get(username="bo")
    gone = desk.post(f"auth/user/{user.pk}/delete/", post="yes")

    assert (made.status_code, gone.status_code) == (302, 403)
    assert "Delete" not in desk.read(f"auth/user/{user.pk}/change/")


def test_the_desk_says_what_it_is():
    assert "operators' desk" in Desk().get("").content.decode().replace("&#x27;", "'")
