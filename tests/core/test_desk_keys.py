"""A key is shown once, to the person who issued it, and is kept nowhere."""

import re
from hashlib import sha256
from typing import Any

import pytest

import webhooks.urls
from core import known
from core.audit import AuditEntry
from core.auth import ALL_SCOPES
from core.db import OPERATOR, acting_as, rows
from core.keys import new_secret
from core.models import ApiKey, Merchant
from core.redaction import clean
from payments import urls
from tests.conftest import as_owner
from tests.desk import Desk, page, text
from tests.money import Shop, a_shop

pytestmark = pytest.mark.usefixtures("committed_db")

ADD = "core/apikey/add/"
SECRET = re.compile(r'<code id="secret">(.*)</code>')
WHY = {"reason": "a new shop system"}
TABLES = """
    SELECT table_name FROM information_schema.tables
    WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
"""


def a_form(desk: Desk, merchant: Merchant, **changed: Any) -> dict[str, Any]:
    """Return what a browser would send from a new page."""
    found = re.search(r'name="page" value="([^"]+)"', desk.get(ADD).content.decode())
    assert found
    form = {"page": found[1], "merchant": merchant.id, "mode": "test", "name": "till",
            "scopes": ["payments:read"], **WHY}  # fmt: skip
    return {**form, **changed}


def secret_of(answer: Any) -> str:
    found = SECRET.search(answer.content.decode())
    assert found, text(answer)
    return found[1]


def issued(desk: Desk, merchant: Merchant, **changed: Any) -> str:
    return secret_of(desk.post(ADD, **a_form(desk, merchant, **changed)))


def test_a_key_opens_what_it_was_issued_for():
    shop, desk = a_shop(), Desk()

    secret = issued(desk, shop.merchant)

    theirs = Shop(shop.merchant, ApiKey.objects.latest("id"), secret)
    assert theirs.get("/api/payments/").status_code == 200
    assert theirs.get("/api/balance/").status_code == 403


@pytest.mark.parametrize("mode", ["test", "live"])
def test_a_key_says_its_mode_and_cannot_be_guessed(mode):
    made = {new_secret(mode) for _ in range(100)}

    assert len(made) == 100
    assert all(re.fullmatch(rf"sk_{mode}_[0-9A-Za-z]{{43}}", secret) for secret in made)


def test_a_key_is_shown_once_and_kept_nowhere(lines):
    shop, desk = a_shop(), Desk()
    answer = desk.post(ADD, **a_form(desk, shop.merchant))
    secret = secret_of(answer)
    key = ApiKey.objects.latest("id")

    pages = [desk.read(page("core.apikey", key.id)), desk.read("core/apikey/"),
             desk.read(page("core.merchant", shop.merchant.id))]  # fmt: skip

    assert "no-store" in answer["Cache-Control"]
    assert all(key.last_four in shown for shown in pages)
    with as_owner():
        everything = {
            name: rows(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {name} t")[0][0]
            for (name,) in rows(TABLES)
        }
    assert key.last_four in everything["core_apikey"]
    assert not [name for name, content in everything.items() if secret in content]
    assert key.secret_sha256 == sha256(secret.encode()).hexdigest()
    for shown in [*pages, lines.getvalue()]:
        assert secret not in shown
        assert key.secret_sha256 not in shown


def test_a_key_pasted_anywhere_is_masked():
    secret = new_secret("live")

    assert secret not in clean(f"it says {secret} is unknown")


def test_the_same_page_twice_makes_one_key():
    shop, desk = a_shop(), Desk()
    form = a_form(desk, shop.merchant)
    desk.post(ADD, **form)

    again = desk.post(ADD, **form)

    assert "This page has issued its key" in text(again)
    assert ApiKey.objects.count() == 2


def test_a_key_is_told_without_what_opens_the_door():
    shop, desk = a_shop(), Desk()

    secret = issued(desk, shop.merchant, scopes=["refunds:write", "payments:read"])

    with acting_as(OPERATOR):
        entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.reason) == ("noor", "api_key.issued", WHY["reason"])
    assert entry.after == {
        "merchant": str(shop.merchant.id),
        "mode": "test",
        "name": "till",
        "last_four": secret[-4:],
        "scopes": ["payments:read", "refunds:write"],
        "expires_at": None,
    }


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"reason": ""}, "This field is required"),
        ({"scopes": []}, "This field is required"),
        ({"scopes": ["payments:all"]}, "not one of the available choices"),
        ({"mode": "sandbox"}, "not one of the available choices"),
        ({"page": "made by hand"}, "too old; open a new one"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00"}, "has expired already"),
    ],
)
def test_no_key_is_issued_with(changed, why):
    shop, desk = a_shop(), Desk()

    answer = desk.post(ADD, **a_form(desk, shop.merchant, **changed))

    assert why in answer.content.decode()
    assert ApiKey.objects.count() == 1


def test_a_closed_merchant_gets_no_key():
    shop, desk = a_shop(), Desk()
    form = a_form(desk, shop.merchant)
    Merchant.objects.update(status="closed")

    desk.post(ADD, **form)

    assert ApiKey.objects.count() == 1


def test_a_key_expires():
    shop, desk = a_shop(), Desk()

    secret = issued(desk, shop.merchant, expires_at_0="2099-01-01", expires_at_1="00:00")
    theirs = Shop(shop.merchant, ApiKey.objects.latest("id"), secret)
    before = theirs.get("/api/payments/").status_code
    rows("UPDATE core_apikey SET expires_at = now()")

    assert (before, theirs.get("/api/payments/").status_code) == (200, 401)


def test_a_revoked_key_is_refused_on_the_next_request():
    shop, desk = a_shop(), Desk()
    assert shop.pay().status_code == 201
    path = f"core/apikey/{shop.api_key.id}/act/revoke/"

    desk.post(path, reason="it leaked")
    again = desk.post(path, reason="it leaked")

    assert (shop.pay().status_code, again.status_code) == (401, 409)
    with acting_as(OPERATOR):
        entry = AuditEntry.objects.get()
    assert (entry.action, entry.reason) == ("api_key.revoked", "it leaked")


@pytest.mark.parametrize("permission", ["core.issue_apikey", "core.revoke_apikey"])
def test_issuing_and_revoking_are_permissions_of_their_own(permission):
    shop = a_shop()
    boss = Desk(name="boss")
    form = a_form(boss, shop.merchant)
    desk = Desk("core.view_apikey", "core.view_merchant", permission)

    answers = [
        desk.post(ADD, **form).status_code,
        desk.post(f"core/apikey/{shop.api_key.id}/act/revoke/", reason="why not").status_code,
    ]

    assert answers == ([200, 403] if permission == "core.issue_apikey" else [403, 302])


def test_a_key_can_be_issued_for_every_scope_that_a_view_asks_for():
    routers = (urls.router, webhooks.urls.router)
    views: list[Any] = [view for router in routers for _, view, _ in router.registry]
    asked = {scope for view in views for scope in view.scopes.values()}

    assert asked
    assert known.scopes.keys() == asked | {ALL_SCOPES}
