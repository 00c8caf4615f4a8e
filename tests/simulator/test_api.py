"""What the simulator does when nothing goes wrong, and what it refuses."""

import socket
from datetime import UTC, datetime, timedelta

import pytest
import requests

from config.stack.ports import LOOPBACK
from tests.simulator.provider import API_KEY


def test_a_charge_is_captured_and_moves_money_once(provider):
    charge = provider.charge("tok_visa", reference="plain").json()

    assert (charge["status"], charge["captured_amount"]) == ("captured", 1000)
    assert provider.get(f"/v1/charges/{charge['id']}").json() == charge
    assert provider.get("/v1/charges", reference="plain").json()["results"] == [charge]
    assert provider.effects("plain") == [("capture", 1000, "INR")]


def test_a_charge_can_be_authorized_and_captured_in_part(provider):
    charge = provider.charge(reference="in part", capture=False).json()
    assert (charge["status"], provider.effects("in part")) == ("authorized", [])

    captured = provider.post(f"/v1/charges/{charge['id']}/capture", {"amount": 300}).json()

    assert (captured["status"], captured["captured_amount"]) == ("captured", 300)
    assert provider.effects("in part") == [("capture", 300, "INR")]
    again = provider.post(f"/v1/charges/{charge['id']}/capture", {})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "not_authorized")


def test_an_order_that_was_cut_off_is_none(provider):
    charge = provider.charge(reference="cut off", capture=False).json()
    head = (
        f"POST /v1/charges/{charge['id']}/capture HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {API_KEY}\r\nContent-Length: 15\r\n\r\n"
    )

    for sent in ("", '{"amount"'):
        with socket.create_connection((LOOPBACK, provider.port), 10) as line:
            line.sendall((head + sent).encode())
            line.shutdown(socket.SHUT_WR)
            answer = line.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 400 ")

    assert provider.effects("cut off") == []
    assert provider.get(f"/v1/charges/{charge['id']}").json() == charge


def test_no_more_is_captured_than_was_authorized(provider):
    charge = provider.charge(reference="too much", capture=False).json()

    answer = provider.post(f"/v1/charges/{charge['id']}/capture", {"amount": 1001})

    assert answer.json()["error"]["code"] == "capture_exceeds_charge"
    assert provider.effects("too much") == []


def test_a_voided_charge_moves_no_money_any_more(provider):
    charge = provider.charge(reference="void", capture=False).json()

    voided = provider.post(f"/v1/charges/{charge['id']}/void", {}).json()

    assert voided["status"] == "voided"
    assert provider.post(f"/v1/charges/{charge['id']}/capture", {}).status_code == 409
    assert provider.effects("void") == []


def test_refunds_give_back_no_more_than_was_captured(provider):
    charge = provider.charge().json()
    first = provider.refund(charge["id"], amount=600, reference="most").json()

    second = provider.refund(charge["id"], amount=401, reference="the rest and one")

    assert first["status"] == "succeeded"
    assert second.json()["error"]["code"] == "refund_exceeds_charge"
    assert provider.effects("most") == [("refund", 600, "INR")]
    assert provider.effects("the rest and one") == []
    assert provider.get(f"/v1/charges/{charge['id']}").json()["refunded_amount"] == 600


def test_a_refund_may_name_its_charge_by_reference(provider):
    provider.charge(reference="by name")

    refund = provider.refund("", charge_reference="by name").json()

    assert refund["status"] == "succeeded"


def test_a_list_shows_a_window_page_by_page(begin):
    provider = begin()
    made = [provider.charge().json() for _ in range(5)]
    begun = datetime.fromisoformat(made[1]["created_at"])
    window = {
        "created_from": begun.isoformat(),
        "created_to": (begun + timedelta(minutes=1)).isoformat(),
        "limit": 2,
    }

    first = provider.get("/v1/charges", **window).json()
    second = provider.get("/v1/charges", **window, after=first["next"]).json()

    assert first["results"] + second["results"] == made[1:]
    assert second["next"] is None
    late = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert provider.get("/v1/charges", created_from=late).json()["results"] == []


def test_anybody_here_may_read_the_books_but_not_use_the_api(provider):
    charge = provider.charge(reference="open").json()

    books = requests.get(f"{provider.url}/charges", params={"reference": "open"}, timeout=5)
    api = requests.get(f"{provider.url}/v1/charges", timeout=5)
    wrong = requests.post(
        f"{provider.url}/v1/charges",
        json={"reference": "stolen", "amount": 1, "currency": "INR"},
        headers={"Authorization": f"Bearer {API_KEY}x"},
        timeout=5,
    )

    assert books.json() == {"results": [charge], "next": None}
    assert (api.status_code, wrong.status_code) == (401, 401)
    assert provider.effects("stolen") == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"reference": ""}, "reference_invalid"),
        ({"reference": "x" * 501}, "reference_invalid"),
        ({"amount": 0}, "amount_invalid"),
        ({"amount": 10.0}, "amount_invalid"),
        ({"amount": True}, "amount_invalid"),
        ({"amount": "10"}, "amount_invalid"),
        ({"amount": None}, "amount_invalid"),
        ({"currency": "inr"}, "currency_invalid"),
        ({"currency": None}, "currency_invalid"),
    ],
)
def test_what_is_no_charge_is_refused_and_moves_nothing(provider, changed, code):
    before = provider.rows("SELECT count(*) FROM sim_charge")

    answer = provider.charge(**changed)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)
    assert provider.rows("SELECT count(*) FROM sim_charge") == before


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 30_000])
def test_what_is_no_json_object_is_refused(provider, body):
    headers = {"Authorization": f"Bearer {API_KEY}"}

    answer = requests.post(f"{provider.url}/v1/charges", data=body, headers=headers, timeout=5)

    assert answer.status_code == 400


def test_a_body_beyond_all_measure_is_not_read(provider):
    headers = {"Authorization": f"Bearer {API_KEY}"}
    body = b"x" * (64 * 1024 + 1)

    answer = requests.post(f"{provider.url}/v1/charges", data=body, headers=headers, timeout=5)

    assert answer.status_code == 413


@pytest.mark.parametrize(
    "query", [{"limit": "x"}, {"after": "-1"}, {"created_from": "x"}, {"created_to": "2026-01-01"}]
)
def test_a_query_that_means_nothing_is_refused(provider, query):
    assert provider.get("/v1/charges", **query).status_code == 400


@pytest.mark.parametrize("path", ["/v1/charges/ch_" + "0" * 32, "/v1/nothing", "/v2/charges"])
def test_what_is_not_there_is_not_found(provider, path):
    assert provider.get(path).status_code == 404
