"""Users and groups are changed for a reason, and by nobody who would gain by it."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User

from core.audit import AuditEntry
from core.db import OPERATOR, acting_as
from tests.desk import Desk, text

pytestmark = pytest.mark.usefixtures("committed_db")

WHY = {"reason": "she joins the night shift"}
STRONG = {"password1": "a good long one", "password2": "a good long one", "usable_password": "true"}
CLERK = ("auth.view_user", "auth.add_user", "auth.change_user", "auth.view_group", "auth.add_group",
         "auth.change_group", "outbox.view_message")  # fmt: skip


def someone(name: str, *permissions: str, **columns: Any) -> User:
    with acting_as(OPERATOR):
        user = User.objects.create_user(name, password="an old long one", is_staff=True, **columns)
        user.user_permissions.set(ids(*permissions))
        return user


def ids(*permissions: str) -> list[int]:
    with acting_as(OPERATOR):
        split = [one.split(".") for one in permissions]
        return [
            Permission.objects.get(content_type__app_label=app, codename=name).pk
            for app, name in split
        ]


def change(desk: Desk, user: User, **form: Any) -> Any:
    known = {"username": user.username, "is_active": "on", "is_staff": "on",
             "date_joined_0": "2026-01-01", "date_joined_1": "00:00"}  # fmt: skip
    return desk.post(f"auth/user/{user.pk}/change/", **{**known, **WHY, **form})


def acts() -> list[tuple[str, str, str]]:
    with acting_as(OPERATOR):
        found = AuditEntry.objects.order_by("id")
        return [(one.actor, one.action, one.reason) for one in found]


def read(user: User) -> User:
    with acting_as(OPERATOR):
        return User.objects.get(pk=user.pk)


def may(user: User) -> set[str]:
    with acting_as(OPERATOR):
        return User.objects.get(pk=user.pk).get_all_permissions()


def test_each_change_of_a_user_is_told_with_its_reason():
    desk = Desk()

    desk.post("auth/user/add/", username="bo", **STRONG, **WHY)
    with acting_as(OPERATOR):
        bo = User.objects.get(username="bo")
    change(desk, bo, user_permissions=ids("outbox.view_message"))
    desk.post(f"auth/user/{bo.pk}/password/", **STRONG, **{"set-password": "1"}, **WHY)

    assert acts() == [
        ("noor", f"user.{what}", WHY["reason"]) for what in ("made", "changed", "password_set")
    ]
    with acting_as(OPERATOR):
        entry = AuditEntry.objects.get(action="user.changed")
        everything = str(list(AuditEntry.objects.values()))
    assert (entry.before["permissions"], entry.after["permissions"]) == (
        [],
        ["outbox.view_message"],
    )
    assert read(bo).check_password(STRONG["password1"])
    assert STRONG["password1"] not in everything
    assert read(bo).password not in everything
    assert f"/admin/auth/user/{bo.pk}/change/" in desk.get("core/auditentry/").content.decode()


def test_each_change_of_a_group_is_told_with_its_reason():
    desk = Desk()

    desk.post("auth/group/add/", name="night", permissions=ids("outbox.view_message"), **WHY)
    with acting_as(OPERATOR):
        group = Group.objects.get()
    desk.post(f"auth/group/{group.pk}/change/", name="night", **WHY)
    gone = desk.post(f"auth/group/{group.pk}/delete/", post="yes")

    assert acts() == [("noor", f"group.{what}", WHY["reason"]) for what in ("made", "changed")]
    assert gone.status_code == 403


@pytest.mark.parametrize("reason", ["", " . "])
def test_nothing_is_changed_without_a_reason(reason):
    desk, bo = Desk(), someone("bo")

    answers = [
        change(desk, bo, username="eve", reason=reason),
        desk.post("auth/user/add/", username="eve", **STRONG, reason=reason),
        desk.post("auth/group/add/", name="night", reason=reason),
        desk.post(f"auth/user/{bo.pk}/password/", **STRONG, **{"set-password": "1"}, reason=reason),
    ]

    assert [answer.status_code for answer in answers] == [200] * 4
    with acting_as(OPERATOR):
        assert set(User.objects.values_list("username", flat=True)) == {"noor", "bo"}
        assert not Group.objects.exists()
    assert read(bo).check_password("an old long one")
    assert acts() == []


def test_who_looks_after_users_gives_what_they_have():
    clerk, bo = Desk(*CLERK), someone("bo")

    answer = change(clerk, bo, user_permissions=ids("outbox.view_message"))

    assert answer.status_code == 302
    assert may(bo) == {"outbox.view_message"}


def test_who_looks_after_users_does_not_gain_by_it():
    clerk = Desk(*CLERK)
    with acting_as(OPERATOR):
        strong = Group.objects.create(name="strong")
        strong.permissions.set(ids("core.issue_apikey"))
        before = may(clerk.user)

    own = change(clerk, clerk.user, user_permissions=ids(*CLERK, "core.issue_apikey"))
    joined = change(clerk, clerk.user, user_permissions=ids(*CLERK), groups=[strong.pk])
    everything = change(clerk, clerk.user, user_permissions=ids(*CLERK), is_superuser="on")
    group = clerk.post("auth/group/add/", name="x", permissions=ids("core.issue_apikey"), **WHY)

    assert "You cannot give what you may not do yourself: core.issue_apikey." in text(own)
    assert [joined.status_code, group.status_code, everything.status_code] == [200, 200, 302]
    assert (may(clerk.user), read(clerk.user).is_superuser) == (before, False)
    with acting_as(OPERATOR):
        assert Group.objects.count() == 1


@pytest.mark.parametrize("columns", [{"is_superuser": True}, {"is_active": False}])
def test_who_looks_after_users_does_not_take_over_who_may_do_more(columns):
    clerk, boss = Desk(*CLERK), someone("boss", "core.issue_apikey", **columns)

    answers = [
        clerk.post(f"auth/user/{boss.pk}/password/", **STRONG, **{"set-password": "1"}, **WHY),
        change(clerk, boss, username="mine"),
    ]
    shown = clerk.get(f"auth/user/{boss.pk}/change/")

    assert [answer.status_code for answer in answers] == [403, 403]
    assert (shown.status_code, "Save" in text(shown)) == (200, False)
    assert read(boss).check_password("an old long one")
    assert acts() == []


def test_the_pages_ask_why():
    desk = Desk()
    with acting_as(OPERATOR):
        group = Group.objects.create(name="night")

    for path in ("user/add/", f"user/{desk.user.pk}/change/", f"user/{desk.user.pk}/password/",
                 "group/add/", f"group/{group.pk}/change/"):  # fmt: skip
        assert 'name="reason"' in desk.get(f"auth/{path}").content.decode(), path
