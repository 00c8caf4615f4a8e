"""What goes wrong at the desk is said in words, with a way back, and gives nothing away."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connections
from django.db.models import QuerySet
from django.test import override_settings

from core.db import OPERATOR
from core.models import Merchant
from tests.desk import Desk, text
from tests.money import a_shop

pytestmark = pytest.mark.usefixtures("committed_db")

# Not in one piece: the page shows lines of this file, too.
CARD = " ".join(["4111", *["1111"] * 3])
PASSWORDS = "postgresql://somebody:hunter2@127.0.0.1/books"


@pytest.fixture(params=[False, True], ids=["serving", "debug"])
def debug(request: pytest.FixtureRequest) -> Any:
    with override_settings(DEBUG=request.param):
        yield request.param


def way_back(answer: Any) -> bool:
    return (
        'href="/admin/"' in answer.content.decode() and "Traceback" not in answer.content.decode()
    )


def break_with(error: Exception) -> Any:
    """Have the next statement of the operator fail."""

    def broken(*args: Any, **kwargs: Any) -> None:
        raise error

    return connections[OPERATOR].execute_wrapper(broken)


@pytest.mark.parametrize(
    "path", ["nothing/", f"core/merchant/{uuid4()}/change/", "core/merchant/x/change/"]
)
def test_what_is_not_there_is_said(debug, path):
    answer = Desk().get(path)

    assert answer.status_code == 404
    assert way_back(answer)
    assert "There is nothing here" in text(answer)


def test_who_may_not_is_told_whom_to_ask(debug):
    shop = a_shop()

    answer = Desk("core.view_merchant").get(f"core/merchant/{shop.merchant.id}/act/close/")

    assert answer.status_code == 403
    assert way_back(answer)
    assert "You may not do this" in text(answer)


def test_a_form_that_is_older_than_the_login_says_so(debug):
    shop, desk = a_shop(), Desk()

    answer = desk.client.post(
        f"/admin/core/merchant/{shop.merchant.id}/act/close/", {"reason": "it is time"}
    )

    assert answer.status_code == 403
    assert way_back(answer)
    assert "older than your login" in text(answer)
    assert Merchant.objects.get().status == "active"


def test_a_database_that_is_away_is_waited_for(debug):
    desk = Desk()

    with break_with(OperationalError("gone, like the password=hunter2")):
        answer = desk.get("core/merchant/")

    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert way_back(answer)
    assert "The database cannot be reached" in text(answer)
    assert "hunter2" not in answer.content.decode()


def test_a_bug_is_a_page_that_says_where_to_look(lines):
    desk = Desk()

    with break_with(RuntimeError("secret table name")):
        answer = desk.get("core/merchant/")

    assert answer.status_code == 500
    assert way_back(answer)
    assert answer["X-Request-Id"] in text(answer)
    assert "secret table name" not in answer.content.decode()
    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    (failed,) = [line for line in logged if line["event"] == "request.failed"]
    assert "secret table name" in failed["exception"]


def test_a_bug_shows_no_password_under_debug(settings):
    settings.DEBUG, settings.SOME_URL = True, PASSWORDS
    desk = Desk()
    desk.client.raise_request_exception = False

    def broken(execute: Any, sql: Any, params: Any, *args: Any) -> None:
        where = PASSWORDS
        message = f"nobody at {len(where)}"
        raise RuntimeError(message)

    with connections[OPERATOR].execute_wrapper(broken):
        shown = desk.post("core/merchant/", note=CARD).content.decode()

    assert "nobody at" in shown
    assert "SOME_URL" in shown
    assert "hunter2" not in shown
    assert CARD not in shown


@pytest.mark.parametrize(
    "query",
    [{"status__in": "a"}, {"id__gt": "0"}, {"view": "x", "nobody": "y"}, {"after": "nowhere"}],
)
def test_a_filter_that_there_is_not_is_left_out_and_that_is_said(query, lines):
    desk = Desk()

    answer = desk.get("core/auditentry/", **query)
    shown = text(desk.client.get(answer["Location"]))

    assert answer.status_code == 302
    assert "This is the list without it." in shown
    assert '"level": "error"' not in lines.getvalue()


@pytest.mark.parametrize(("q", "why"), [(CARD, "Card data"), ("\x00", "NUL")])
def test_what_must_not_be_asked_is_refused_in_words(q, why):
    answer = Desk().get("core/merchant/", q=q)

    assert answer.status_code in {400, 422}
    assert way_back(answer)
    assert why in text(answer)
    assert "4111" not in answer.content.decode()


def test_nobody_counts_a_table_by_completing_a_name(monkeypatch):
    a_shop()
    desk = Desk()
    counted: list[Any] = []

    def count(found: Any) -> int:
        counted.append(found)
        return 0

    monkeypatch.setattr(QuerySet, "count", count)

    answer = desk.get(
        "autocomplete/", app_label="core", model_name="apikey", field_name="merchant", term=""
    )

    assert (answer.status_code, counted) == (404, [])
