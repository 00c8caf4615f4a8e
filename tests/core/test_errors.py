import json
from uuid import UUID

import pytest

from core import negotiation
from core.errors import REGISTRY, Problem, problem_http_response

# Closing an answer looks at this thread's connection, which an earlier test may have opened.
pytestmark = pytest.mark.django_db

ID = "0193a2f0-5b1c-7c3e-9d2a-6f1e0c9b7a55"


@pytest.fixture(params=[False, True], ids=["live", "debug"])
def debug(settings, request):
    settings.DEBUG = request.param


def problem(response, status, slug):
    """Check what every problem has in common, and return its members."""
    members = json.loads(response.content)
    assert response.status_code == members["status"] == status
    assert response["Content-Type"] == "application/problem+json"
    assert response["Cache-Control"] == "no-store"
    assert members["type"].endswith(f"/problems/{slug}")
    assert members["title"] == REGISTRY[slug][1]
    assert members["instance"] == f"urn:uuid:{UUID(response['X-Request-Id'])}"
    return members


def test_a_problem_has_the_members_of_rfc_9457():
    errors = [{"pointer": "/a", "code": "c", "detail": "d"}]
    answer = problem_http_response(Problem("amount-invalid", "Too much.", errors=errors, max=5), ID)

    assert json.loads(answer.content) == {
        "type": "/problems/amount-invalid",
        "title": "The amount is outside what is allowed",
        "status": 422,
        "detail": "Too much.",
        "instance": f"urn:uuid:{ID}",
        "errors": errors,
        "max": 5,
    }


def test_an_extension_cannot_replace_a_member():
    problem = Problem("not-found", status=200, title="Fine")

    assert problem.body(ID)["status"] == 404
    assert problem.body(ID)["title"] == "There is nothing here"


def test_a_request_id_that_is_no_uuid_is_no_instance():
    assert "instance" not in Problem("not-found").body("mine")


@pytest.mark.parametrize(
    ("what", "status", "slug", "headers"),
    [
        ("throttled", 429, "rate-limited", {"Retry-After": "7"}),
        ("credentials", 401, "unauthenticated", {"WWW-Authenticate": "ApiKey realm="}),
        ("accept", 406, "not-acceptable", {}),
        ("missing", 404, "not-found", {}),
        ("denied", 403, "forbidden-scope", {}),
        ("database", 503, "overloaded", {"Retry-After": "1"}),
        ("connection", 503, "overloaded", {"Retry-After": "1"}),
        ("bug", 500, "internal-error", {}),
        ("problem", 409, "invalid-state", {}),
    ],
)
@pytest.mark.usefixtures("debug")
def test_what_a_view_raises_becomes_a_problem(client, what, status, slug, headers):
    answer = client.get(f"/api/raises/{what}/")

    members = problem(answer, status, slug)
    assert members["type"] == f"http://testserver/problems/{slug}"
    assert {name: answer[name][: len(value)] for name, value in headers.items()} == headers
    assert b"SELECT" not in answer.content
    assert b"hunter2" not in answer.content


def test_extensions_reach_the_caller(client):
    assert client.get("/api/raises/problem/").json()["state"] == "FAILED"


@pytest.mark.usefixtures("debug")
@pytest.mark.parametrize(
    ("path", "status", "slug"),
    [
        ("/nowhere", 404, "not-found"),
        ("/api/orders", 404, "not-found"),
        ("/static/nowhere.js", 404, "not-found"),
        ("/api/bug/", 500, "internal-error"),
        ("/api/own-words/?status=400", 400, "validation-error"),
        ("/api/own-words/?status=403", 403, "forbidden-scope"),
        ("/api/own-words/?status=418", 400, "validation-error"),
        ("/api/own-words/?status=502", 500, "internal-error"),
        ("/api/orders/?format=xml", 404, "not-found"),
    ],
)
def test_every_other_error_becomes_a_problem(client, path, status, slug):
    answer = client.get(path)

    problem(answer, status, slug)
    assert b"<" not in answer.content


@pytest.mark.usefixtures("debug")
def test_a_method_that_is_not_allowed_says_which_are(client):
    answer = client.delete("/api/orders/")

    problem(answer, 405, "method-not-allowed")
    assert answer["Allow"] == "GET, POST, HEAD, OPTIONS"


def test_a_plain_view_says_which_methods_it_allows(client):
    answer = client.post("/healthz")

    problem(answer, 405, "method-not-allowed")
    assert answer["Allow"] == "GET, HEAD"


def test_an_accept_header_nobody_can_meet_is_refused(client):
    problem(client.get("/api/orders/", HTTP_ACCEPT="image/png"), 406, "not-acceptable")


def test_each_client_gets_the_form_it_asks_for_however_often(client):
    asked = ["text/html", "application/json", "*/*", "text/html;q=0.1, application/json"] * 2
    given = [client.get("/api/orders/", HTTP_ACCEPT=accept)["Content-Type"] for accept in asked]
    html, json_ = "text/html; charset=utf-8", "application/json"
    by_query = client.get("/api/orders/?format=api", HTTP_ACCEPT="*/*")

    assert given == [html, json_, json_, json_] * 2
    assert by_query["Content-Type"] == html


def test_what_clients_accept_is_remembered_within_bounds(client, monkeypatch):
    monkeypatch.setattr(negotiation, "REMEMBERED_MAX", 3)
    for number in range(10):
        accept = f"application/json;v={number}"
        assert client.get("/api/orders/", HTTP_ACCEPT=accept).status_code == 200
    assert client.get("/api/orders/", HTTP_ACCEPT="*/*," * 1000).status_code == 200

    assert 1 <= len(negotiation._chosen) <= 3
    assert all(len(accept) < 100 for accept, *_ in negotiation._chosen)


def test_a_host_that_is_not_ours_is_refused(client):
    answer = client.get("/api/orders/", HTTP_HOST="evil.example")

    assert problem(answer, 400, "invalid-header")["type"] == "/problems/invalid-header"


def test_pages_for_people_stay_pages(client, settings):
    settings.DEBUG = True
    client.raise_request_exception = False

    answers = [client.get("/admin/own-words/?status=403"), client.get("/admin/bug/")]

    assert [answer.status_code for answer in answers] == [403, 500]
    assert all(answer["Content-Type"].startswith("text/html") for answer in answers)


def test_field_faults_are_listed_with_pointers(client):
    answer = client.post("/api/orders/", {"amount": 0}, content_type="application/json")

    members = problem(answer, 400, "validation-error")
    assert {error["pointer"] for error in members["errors"]} == {"/amount", "/currency"}
