"""Errors are problems under DEBUG too, where Django would show a page with everything on it."""

import pytest
from django.db import connection

from tests.money import PAYMENTS, a_client, a_shop, problem

pytestmark = pytest.mark.django_db

ERRORS = {
    "an unknown route": (lambda shop: shop.get("/nothing/here"), (404, "not-found")),
    "a missing slash": (lambda shop: shop.post("/api/payments", {}), (404, "not-found")),
    "an unknown payment": (
        lambda shop: shop.get(f"{PAYMENTS}01900000-0000-7000-8000-000000000001/"),
        (404, "not-found")),
    "nobody": (lambda _: a_client().get(PAYMENTS), (401, "unauthenticated")),
    "a verb": (
        lambda shop: a_client().delete(PAYMENTS, headers={"X-API-KEY": shop.secret}),
        (405, "method-not-allowed")),
    "a body": (lambda shop: shop.pay("1000"), (400, "validation-error")),
    "a cursor": (lambda shop: shop.get(PAYMENTS, cursor="x"), (400, "validation-error")),
    "a webhook": (
        lambda _: a_client().post("/api/webhooks/mock/", b"{}", content_type="text/plain"),
        (400, "signature-invalid")),
    "a host": (
        lambda _: a_client().get(PAYMENTS, headers={"Host": "evil.example"}),
        (400, "invalid-header")),
}  # fmt: skip


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(("ask", "refusal"), ERRORS.values(), ids=ERRORS)
def test_is_answered_with_a_problem(settings, debug, ask, refusal):
    settings.DEBUG = debug
    shop = a_shop()

    assert problem(ask(shop)) == refusal


@pytest.mark.parametrize("debug", [False, True])
def test_a_bug_is_a_problem_without_a_word_about_it(settings, debug):
    settings.DEBUG = debug
    shop = a_shop()
    shop.accepted()

    def break_it(*args, **kwargs):
        message = "secret table name"
        raise RuntimeError(message)

    with connection.execute_wrapper(break_it):
        answer = shop.pay()

    assert problem(answer) == (500, "internal-error")
    assert b"secret" not in answer.content
    assert b"Traceback" not in answer.content
    assert answer["X-Request-Id"]
