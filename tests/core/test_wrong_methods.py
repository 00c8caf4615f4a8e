"""A wrong method is told as one, and not repeated."""

import pytest
from django.test import Client


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/problems/not-found", "/metrics"])
def test_a_plain_page_refuses_a_post_for_its_method(path):
    answer = Client(enforce_csrf_checks=True).post(path)

    assert answer.status_code == 405
    assert "GET" in answer["Allow"]


@pytest.mark.django_db
def test_a_made_up_method_is_not_repeated():
    answer = Client().generic("FOO4111111111111111", "/api/payments/", HTTP_X_API_KEY="none")

    assert answer.status_code in {401, 405}
    assert b"4111" not in answer.content
