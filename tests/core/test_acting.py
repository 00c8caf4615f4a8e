"""Whoever acts as the operator does all of it by the operator's connection."""

import threading

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connections
from django.db.models import Func, TextField

from core.db import (
    OPERATOR,
    TransactionMisuse,
    acting_as,
    after_commit,
    connection,
    in_transaction,
    row_dicts,
    rows,
    rows_of_values,
    savepoint,
    transaction,
)
from core.models import Merchant
from tests.money import a_client, a_shop

WHO = "SELECT current_user AS who"


def roles_used() -> set[str]:
    """Return the end of the role's name, by every way to the database that we have."""
    by_the_orm = Merchant.objects.values_list(
        Func(function="current_user", template="%(function)s", output_field=TextField()), flat=True
    )
    found = {
        rows(WHO)[0][0],
        row_dicts(WHO)[0]["who"],
        rows_of_values("SELECT current_user FROM (VALUES %s) AS v", "(%s)", [(1,)])[0][0],
        by_the_orm[0],
    }
    return {who.rpartition("_")[2] for who in found}


class Undone(Exception):
    """What makes a block fail."""


def lose_a_name() -> None:
    Merchant.objects.update(name="Lost")
    raise Undone


class TestActing:
    def test_is_by_one_role_at_a_time(self, committed_db):
        a_shop()

        before = roles_used()
        with acting_as(OPERATOR):
            during = roles_used()

        assert (before, during, roles_used()) == ({"app"}, {"operator"}, {"app"})

    def test_ends_with_an_error_too(self, committed_db):
        a_shop()

        with pytest.raises(Undone), acting_as(OPERATOR):
            raise Undone

        assert roles_used() == {"app"}

    def test_is_of_one_thread(self, committed_db):
        a_shop()
        seen = []

        def look():
            seen.append(roles_used())
            connections.close_all()

        with acting_as(OPERATOR):
            other = threading.Thread(target=look)
            other.start()
            other.join()

        assert seen == [{"app"}]

    def test_opens_transactions_where_it_writes(self, committed_db):
        shop = a_shop()

        with acting_as(OPERATOR):
            assert not in_transaction()
            with transaction():
                assert in_transaction()
                shop.merchant.name = "Renamed"
                shop.merchant.save(update_fields=["name"])
                with pytest.raises(Undone), savepoint():
                    lose_a_name()
                assert Merchant.objects.get().name == "Renamed"

        assert Merchant.objects.get().name == "Renamed"

    def test_rolls_back_where_it_writes(self, committed_db):
        shop = a_shop()
        before = shop.merchant.name

        with acting_as(OPERATOR), pytest.raises(Undone), transaction():
            lose_a_name()

        assert Merchant.objects.get().name == before

    def test_does_not_begin_inside_a_transaction(self, committed_db):
        with transaction(), pytest.raises(TransactionMisuse), acting_as(OPERATOR):
            pass

    def test_has_its_own_after_commit(self, committed_db):
        seen = []

        with acting_as(OPERATOR), transaction():
            after_commit(lambda: seen.append(in_transaction()))
            assert seen == []

        assert seen == [False]


class TestUnderAdmin:
    @pytest.fixture
    def a_user(self, committed_db):
        with acting_as(OPERATOR):
            return User.objects.create_superuser("ada", password="right")

    def log_in(self, password: str = "right"):
        browser = a_client()
        browser.get("/admin/login/")
        form = {
            "username": "ada",
            "password": password,
            "csrfmiddlewaretoken": browser.cookies["csrftoken"].value,
        }
        return browser, browser.post("/admin/login/?next=/admin/", form)

    def test_a_user_logs_in_and_out(self, a_user):
        browser, answer = self.log_in()
        assert (answer.status_code, answer["Location"]) == (302, "/admin/")

        assert browser.get("/admin/").status_code == 200
        token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"].value}
        assert browser.post("/admin/logout/", token).status_code == 200

        assert browser.get("/admin/").status_code == 302
        with acting_as(OPERATOR):
            assert Session.objects.count() == 0

    def test_a_wrong_password_does_not(self, a_user):
        browser, answer = self.log_in("wrong")

        assert answer.status_code == 200
        assert browser.get("/admin/").status_code == 302

    @pytest.mark.parametrize(
        ("path", "accept"),
        [
            ("/api/payments/", "application/json"),
            ("/api/payments/", "text/html"),
            ("/api/docs/", "text/html"),
            ("/api/schema/", "application/json"),
            ("/readyz", "*/*"),
        ],
    )
    def test_a_session_is_never_looked_at_elsewhere(self, a_user, path, accept):
        shop = a_shop()
        browser, _ = self.log_in()

        answer = browser.get(path, headers={"X-API-KEY": shop.secret, "Accept": accept})

        # The serving role may not read sessions or users, so that a look would be an error.
        assert answer.status_code == 200
        assert connection().alias == "default"
