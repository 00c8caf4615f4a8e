import json
from io import BytesIO
from uuid import UUID

import pytest

from core.logging import current
from tests.core.samples import CARDS, DISGUISED
from tests.core.test_errors import problem

ORDER = {"amount": 1000, "currency": "INR"}
JSON = "application/json"
LIMIT = 64 * 1024


def test_an_answer_carries_a_new_request_id(client):
    ids = {client.get("/api/orders/")["X-Request-Id"] for _ in range(3)}

    assert {UUID(one).version for one in ids} == {7}
    assert len(ids) == 3


@pytest.mark.parametrize("given", ["a", "0193a2f0-5b1c-7c3e-9d2a-6f1e0c9b7a55", "A_b-9" * 12])
def test_a_sane_request_id_is_kept(client, given):
    assert client.get("/api/orders/", HTTP_X_REQUEST_ID=given)["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\r\nb", "é", "test_api_key", "mk_test_x"])
def test_another_request_id_is_replaced(client, given):
    assert UUID(client.get("/api/orders/", HTTP_X_REQUEST_ID=given)["X-Request-Id"]).version == 7


def test_a_request_is_logged_once_without_its_path_or_query(client, lines):
    client.post("/api/orders/?note=private", ORDER, content_type=JSON, HTTP_X_REQUEST_ID="r-1")
    client.get("/api/raises/missing/?note=private")

    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    done = [line for line in logged if line["event"] == "request.done"]
    assert [(line["method"], line["route"], line["status"]) for line in done] == [
        ("POST", "api/orders/", 201),
        ("GET", "api/raises/<str:what>/", 404),
    ]
    assert (done[0]["request_id"], done[0]["merchant_id"]) == ("r-1", "m-1")
    assert "merchant_id" not in done[1]
    assert done[0]["ms"] >= 0
    assert "private" not in lines.getvalue()


def test_lines_of_a_request_carry_its_id(client, lines):
    client.post("/api/orders/", ORDER, content_type=JSON, HTTP_X_REQUEST_ID="r-2")

    made = next(json.loads(line) for line in lines.getvalue().splitlines() if "order.made" in line)
    assert made["request_id"] == "r-2"


def test_the_ids_of_a_request_end_with_it(client):
    client.post("/api/orders/", ORDER, content_type=JSON)

    assert (current("request_id"), current("merchant_id")) == (None, None)


def test_a_bug_is_logged_with_its_trace(client, lines):
    client.get("/api/bug/")

    failed = [json.loads(line) for line in lines.getvalue().splitlines() if "failed" in line]
    assert [line["event"] for line in failed] == ["request.failed"]
    assert "RuntimeError" in failed[0]["exception"]


def test_a_database_that_is_down_is_a_warning_without_its_password(client, lines):
    client.get("/api/raises/database/")

    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [(line["event"], line["level"]) for line in logged] == [
        ("database.unavailable", "warning"),
        ("request.done", "info"),
    ]
    assert "hunter2" not in lines.getvalue()


@pytest.mark.parametrize("length", ["", "0"])
@pytest.mark.parametrize("kind", ["", "application/x-www-form-urlencoded", JSON, "text/plain"])
def test_an_empty_body_needs_no_type(client, length, kind):
    empty = {"CONTENT_TYPE": kind, "CONTENT_LENGTH": length}

    answer = client.generic("POST", "/api/free/", b"", **empty)

    assert answer.json() == {"data": {}, "raw": ""}
    assert answer["X-Data"] == "dict"


@pytest.mark.parametrize(
    "kind",
    [
        *("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"),
        *("application/json; charset=latin-1", "application/xml", "nonsense", ""),
    ],
)
def test_a_body_of_another_type_is_refused(client, kind):
    answer = client.generic("POST", "/api/free/", b'{"a": 1}', content_type=kind)

    problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize("kind", [JSON, "Application/JSON", "application/json; charset=UTF-8"])
def test_json_is_read_and_the_raw_body_stays(client, kind):
    answer = client.generic("POST", "/api/free/", b' {"a":1} ', content_type=kind)

    assert answer.json() == {"data": {"a": 1}, "raw": ' {"a":1} '}


def test_malformed_json_is_a_problem(client):
    answer = client.generic("POST", "/api/free/", b"[" * 60_000, content_type=JSON)

    problem(answer, 400, "malformed-json")


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "identity", "identity, gzip", "x", ""])
def test_an_encoded_body_is_refused(client, encoding):
    answer = client.generic(
        "POST", "/api/free/", b"{}", content_type=JSON, HTTP_CONTENT_ENCODING=encoding
    )

    problem(answer, 415, "unsupported-media-type")


def test_the_largest_body_is_read(client):
    raw = b'"' + b"x" * (LIMIT - 2) + b'"'

    assert client.generic("POST", "/api/free/", raw, content_type=JSON).status_code == 200


def test_a_larger_body_is_refused_unread(client):
    raw = b'"' + b"x" * (LIMIT - 1) + b'"'

    problem(client.generic("POST", "/api/raw/", raw, content_type=JSON), 413, "payload-too-large")


class Endless(BytesIO):
    """A body that never ends, and remembers how much was read of it."""

    def __init__(self):
        super().__init__()
        self.given = 0

    def read(self, size=-1):
        self.given += size
        return b"x" * size


def test_a_body_of_unknown_length_is_read_up_to_the_limit(client):
    endless = Endless()
    unknown = {"CONTENT_LENGTH": "", "wsgi.input": endless, "HTTP_TRANSFER_ENCODING": "chunked"}

    answer = client.generic("POST", "/api/raw/", b"", content_type=JSON, **unknown)

    problem(answer, 413, "payload-too-large")
    assert endless.given == LIMIT + 1


@pytest.mark.parametrize(
    "sign", [{"HTTP_TRANSFER_ENCODING": "chunked"}, {"SERVER_PROTOCOL": "HTTP/2.0"}]
)
def test_a_body_of_unknown_length_is_read(client, sign):
    unknown = {"CONTENT_TYPE": JSON, "wsgi.input": BytesIO(b'{"a": 1}'), **sign}

    answer = client.generic("POST", "/api/free/", b"", **unknown)

    assert answer.json() == {"data": {"a": 1}, "raw": '{"a": 1}'}


@pytest.mark.parametrize(
    ("sign", "status"),
    [
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, 400),
        ({"SERVER_PROTOCOL": "HTTP/2.0", "CONTENT_TYPE": JSON}, 400),
        ({"SERVER_PROTOCOL": "HTTP/2.0", "CONTENT_TYPE": ""}, 200),
    ],
)
def test_a_body_that_was_announced_and_never_came_is_refused(client, sign, status):
    answer = client.generic("POST", "/api/free/", b"", **{"wsgi.input": BytesIO(), **sign})

    assert answer.status_code == status


def test_a_body_shorter_than_it_claims_is_refused(client):
    short = {"CONTENT_LENGTH": "100", "wsgi.input": BytesIO(b"{}")}

    answer = client.generic("POST", "/api/raw/", b"", content_type=JSON, **short)

    problem(answer, 400, "malformed-json")


@pytest.mark.parametrize("length", ["x", "-1", "1e3", "٣", "1_0"])
def test_a_length_that_is_no_number_is_refused(client, length):
    answer = client.generic("POST", "/api/raw/", b"", content_type=JSON, CONTENT_LENGTH=length)

    problem(answer, 400, "invalid-header")


def test_a_long_target_is_refused(client):
    problem(client.get("/api/" + "x" * 8192), 414, "uri-too-long")
    problem(client.get("/api/orders/?q=" + "x" * 8192), 414, "uri-too-long")


def test_large_headers_are_refused(client):
    headers = {f"HTTP_X_{n}": "v" * 4000 for n in range(9)}

    problem(client.get("/api/orders/", **headers), 431, "headers-too-large")


@pytest.mark.parametrize("path", ["/api/orders/%00/", "/api/orders/?a=%00", "/api/orders/?%00=a"])
def test_a_nul_is_refused_before_a_database_meets_it(client, path):
    problem(client.get(path), 400, "validation-error")


@pytest.mark.parametrize("card", CARDS + DISGUISED[:4])
def test_card_data_is_refused_from_wherever_it_comes(client, lines, card):
    body = json.dumps({**ORDER, "description": f"with {card}"})
    answers = [
        client.generic("POST", "/api/orders/", body, content_type=JSON),
        client.get(f"/api/orders/{card}/"),
        client.get("/api/orders/", {"reference": card}),
        client.get("/api/orders/", {card: "reference"}),
        client.get("/api/orders/", HTTP_USER_AGENT=card),
        client.get("/api/orders/", HTTP_X_REQUEST_ID=card),
    ]

    for answer in answers:
        problem(answer, 422, "cardholder-data-not-accepted")
        assert card not in answer.content.decode()
        assert card not in str(answer.headers)
    assert card not in lines.getvalue()


@pytest.mark.parametrize("card", ["4111111111111111", "4111-1111-1111-1111"])
def test_a_card_number_in_an_idempotency_key_is_refused(client, lines, card):
    answer = client.get("/api/orders/", HTTP_IDEMPOTENCY_KEY=f"order-{card}")

    problem(answer, 422, "cardholder-data-not-accepted")
    assert card not in answer.content.decode() + lines.getvalue()


@pytest.mark.parametrize("made", ["661821713395574670", "k4118476207046338", "4222222222222"])
def test_a_number_made_by_a_machine_is_taken_as_an_idempotency_key_only(client, made):
    assert client.get("/api/orders/", HTTP_IDEMPOTENCY_KEY=made).status_code == 200
    problem(
        client.get("/api/orders/", HTTP_IDEMPOTENCY_KEY=made, HTTP_X_REFERENCE=made),
        *(422, "cardholder-data-not-accepted"),
    )


@pytest.mark.parametrize("name", ["cvc", "card_number", "pan"])
def test_a_parameter_named_for_card_data_is_refused(client, name):
    answers = [
        client.get("/api/orders/", {name: "1"}),
        client.get("/api/orders/", **{f"HTTP_X_{name.upper()}": "1"}),
        client.generic("POST", "/api/free/", json.dumps({name: 1}), content_type=JSON),
    ]

    for answer in answers:
        problem(answer, 422, "cardholder-data-not-accepted")


def test_ordinary_headers_pass(client):
    headers = {
        "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0.0.0 Safari/537.36",
        "HTTP_TRACEPARENT": "00-4bf92f3577b34da6a3ce929d0e0e4736-4111111111111111-01",
        "HTTP_X_DATADOG_TRACE_ID": "4111111111111111",
        "HTTP_X_B3_SPANID": "4111111111111111",
        "HTTP_X_FORWARDED_FOR": "203.0.113.195, 70.41.3.18, 150.172.238.178",
        "HTTP_X_API_KEY": "4111111111111111",
        "HTTP_X_WEBHOOK_SIGNATURE": "t=1700000000,v1=4111111111111111",
        "HTTP_IDEMPOTENCY_KEY": "pay-001",
    }

    assert client.get("/api/orders/", **headers).status_code == 200


@pytest.mark.parametrize("path", ["/api/free/", "/healthz"])
def test_an_answer_says_how_long_it_is(client, path):
    answer = client.get(path)

    assert answer["Content-Length"] == str(len(answer.content))
