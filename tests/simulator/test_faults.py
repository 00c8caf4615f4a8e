"""What each fault does, seen from outside; and that the page has all of them."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest
import requests

from simulator import faults
from tests.servers import ROOT
from tests.simulator.provider import SLOW_SECONDS

PAGE = ROOT / "docs" / "simulator.md"
ONE = [("capture", 1000, "INR")]
LOST = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


def asking(provider, fault):
    """Return a function that asks for one operation with this fault, under its key."""
    return lambda: provider.charge(f"sim_{fault}", key=fault, reference=fault)


@pytest.mark.parametrize("fault", ["drop_before", "drop_before:2"])
def test_a_request_that_is_dropped_before_has_no_effect(provider, fault):
    ask = asking(provider, fault)
    for _ in range(2 if fault.endswith("2") else 1):
        with pytest.raises(requests.ConnectionError):
            ask()
        assert provider.effects(fault) == []

    assert ask().json()["status"] == "captured"

    assert provider.effects(fault) == ONE


def test_an_answer_that_is_dropped_had_its_effect(provider):
    ask = asking(provider, "drop_after")

    with pytest.raises(requests.ConnectionError):
        ask()

    assert provider.effects("drop_after") == ONE
    assert ask().headers["Idempotent-Replayed"] == "true"
    assert provider.effects("drop_after") == ONE


def test_an_error_before_has_no_effect_and_one_after_has(provider):
    before, after = asking(provider, "error_before"), asking(provider, "error_after")

    assert (before().status_code, provider.effects("error_before")) == (500, [])
    assert (after().status_code, provider.effects("error_after")) == (500, ONE)
    assert (before().status_code, after().status_code) == (201, 201)
    assert provider.effects("error_before") == provider.effects("error_after") == ONE


def test_a_stored_error_hides_its_effect_from_everybody_with_that_key(provider):
    ask = asking(provider, "error_stored")

    assert [ask().status_code for _ in range(5)] == [500] * 5

    assert provider.effects("error_stored") == ONE
    (found,) = provider.get("/v1/charges", reference="error_stored").json()["results"]
    assert found["status"] == "captured"


def test_an_answer_may_come_after_everybody_stopped_waiting(provider):
    answer = asking(provider, "slow_after")()

    assert answer.elapsed.total_seconds() >= SLOW_SECONDS
    assert provider.effects("slow_after") == ONE


def test_a_slow_request_has_its_effect_after_its_client_has_gone(provider):
    content = {"reference": "slow", "amount": 1000, "currency": "INR"}
    request = {**content, "payment_method": "sim_slow_before"}
    headers = {"Authorization": provider.get("/").request.headers["Authorization"]}
    with pytest.raises(requests.ReadTimeout):
        requests.post(
            f"{provider.url}/v1/charges", json=request, headers=headers, timeout=SLOW_SECONDS / 5
        )
    assert provider.effects("slow") == []

    provider.until(lambda: provider.effects("slow"))

    assert provider.effects("slow") == ONE


@pytest.mark.parametrize(
    ("form", "value"),
    [("seconds", "1"), ("bare", None), ("nonsense", "soon"), ("huge", "99999999999"),
     ("negative", "-5")],
)  # fmt: skip
def test_a_rate_limit_asks_for_patience_in_every_form(provider, form, value):
    fault = f"rate_limited_{form}"
    ask = asking(provider, fault)

    answer = ask()

    assert (answer.status_code, answer.headers.get("Retry-After")) == (429, value)
    assert provider.effects(fault) == []
    assert ask().status_code == 201


def test_a_rate_limit_may_name_a_date(provider):
    answer = asking(provider, "rate_limited_date")()

    assert parsedate_to_datetime(answer.headers["Retry-After"]) > datetime.now(UTC)


def test_an_answer_may_be_no_json_or_not_end_or_have_no_end(provider):
    with pytest.raises(requests.JSONDecodeError):
        asking(provider, "malformed")().json()
    with pytest.raises(LOST):
        asking(provider, "truncated")()
    page, flood = asking(provider, "html")(), asking(provider, "oversized")()

    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html")
    assert len(flood.content) > 4_000_000
    for fault in ("malformed", "truncated", "html", "oversized"):
        assert provider.effects(fault) == ONE


def test_an_answer_may_drip(provider):
    with pytest.raises(LOST):
        asking(provider, "drip")()

    assert provider.effects("drip") == ONE


@pytest.mark.parametrize(
    ("fault", "member"),
    [("wrong_amount", "captured_amount"), ("wrong_currency", "currency"),
     ("wrong_account", "account")],
)  # fmt: skip
def test_an_answer_may_speak_of_other_money_while_the_books_are_right(provider, fault, member):
    answer = asking(provider, fault)().json()

    (held,) = provider.get("/charges", reference=fault).json()["results"]
    assert answer[member] != held[member]
    assert provider.effects(fault) == ONE


def test_look_ups_may_lag_behind_the_list_and_both_behind_the_truth(begin):
    provider = begin()
    asking(provider, "find_lags")()
    asking(provider, "reads_lag")()
    asking(provider, "status_lags")()

    def seen():
        listed = provider.get("/v1/charges").json()["results"]
        found = {
            name: [one["status"] for one in
                   provider.get("/v1/charges", reference=name).json()["results"]]
            for name in ("find_lags", "reads_lag", "status_lags")
        }  # fmt: skip
        return [(one["reference"], one["status"]) for one in listed], found

    assert seen() == (
        [("find_lags", "captured"), ("status_lags", "pending")],
        {"find_lags": [], "reads_lag": [], "status_lags": ["pending"]},
    )
    provider.control("clock", advance_seconds=10)
    assert seen() == (
        [("find_lags", "captured"), ("reads_lag", "captured"), ("status_lags", "captured")],
        {"find_lags": ["captured"], "reads_lag": ["captured"], "status_lags": ["captured"]},
    )


@pytest.mark.parametrize("fault", ["find_dropped", "find_truncated"])
def test_the_answer_to_a_look_up_may_not_arrive(provider, fault):
    asking(provider, fault)()
    with pytest.raises(LOST):
        provider.get("/v1/charges", reference=fault)

    (found,) = provider.get("/v1/charges", reference=fault).json()["results"]

    assert found["status"] == "captured"


@pytest.mark.parametrize(
    ("fault", "status"), [("find_error", 500), ("find_rate_limited", 429), ("find_html", 200)]
)
def test_a_look_up_may_be_answered_with_nothing_of_use(provider, fault, status):
    asking(provider, f"{fault}:2")()

    answers = [provider.get("/v1/charges", reference=f"{fault}:2") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [status, status, 200]
    assert "results" not in answers[1].text
    assert len(answers[2].json()["results"]) == 1


def test_a_look_up_may_be_no_json_or_come_late(provider):
    asking(provider, "find_malformed")()
    asking(provider, "find_slow")()

    with pytest.raises(requests.JSONDecodeError):
        provider.get("/v1/charges", reference="find_malformed").json()
    late = provider.get("/v1/charges", reference="find_slow")

    assert late.elapsed.total_seconds() >= SLOW_SECONDS


@pytest.mark.parametrize(
    ("fault", "code"), [("decline_expired", "expired"), ("decline_do_not_honor", "do_not_honor")]
)
def test_a_decline_names_its_code_and_moves_nothing(provider, fault, code):
    answer = asking(provider, fault)().json()

    assert (answer["status"], answer["failure"]["code"]) == ("failed", code)
    assert provider.effects(fault) == []


def test_a_pending_charge_is_decided_when_it_is_due(begin):
    provider = begin()
    good, bad = asking(provider, "pending_success")().json(), asking(provider, "pending_failure")()
    assert (good["status"], bad.json()["status"]) == ("pending", "pending")

    provider.control("clock", advance_seconds=2)

    statuses = [one["status"] for one in provider.get("/v1/charges").json()["results"]]
    assert statuses == ["captured", "failed"]
    assert provider.effects("pending_success") == ONE


def test_a_failed_charge_is_captured_days_later(begin):
    provider = begin()
    assert asking(provider, "failed_then_captured")().json()["status"] == "failed"
    provider.control("clock", advance_seconds=2 * 86_400)
    assert provider.effects("failed_then_captured") == []

    provider.control("clock", advance_seconds=2 * 86_400)

    assert provider.effects("failed_then_captured") == ONE


def test_a_charge_may_be_captured_twice(provider):
    asking(provider, "captured_twice")()

    found = provider.get("/v1/charges", reference="captured_twice").json()["results"]
    assert len({one["id"] for one in found}) == 2
    assert provider.effects("captured_twice") == ONE * 2


def test_faults_can_be_joined(provider):
    ask = asking(provider, "rate_limited_bare+drop_after+find_lags")

    assert ask().status_code == 429
    with pytest.raises(requests.ConnectionError):
        ask()
    name = "rate_limited_bare+drop_after+find_lags"
    assert provider.get("/v1/charges", reference=name).json()["results"] == []
    assert ask().json()["status"] == "captured"
    assert provider.effects(name) == ONE


def test_a_refund_has_the_faults_of_its_reason_or_of_its_charges_payment_method(provider):
    plain = provider.charge().json()
    chosen = provider.charge("sim_refund_decline_refund_declined").json()

    by_reason = provider.refund(plain["id"], reason="sim_decline_too_late").json()
    by_method = provider.refund(chosen["id"]).json()

    assert chosen["status"] == "captured"
    assert by_reason["failure"]["code"] == "too_late"
    assert by_method["failure"]["code"] == "refund_declined"


def test_metadata_asks_for_faults_where_there_is_no_payment_method(provider):
    charge = provider.charge(capture=False).json()

    answer = provider.post(
        f"/v1/charges/{charge['id']}/capture", {"metadata": {"simulate": "sim_error_before"}}
    )

    assert answer.status_code == 500


@pytest.mark.parametrize("method", ["", "tok_visa", "sim_", "sim_drop", "sim_drop_after+", "sim_+"])
def test_anything_else_is_a_payment_method_without_faults(provider, method):
    assert provider.charge(method).json()["status"] == "captured"


def test_the_page_lists_exactly_the_faults_there_are():
    listed = re.findall(r"^\| `sim_([a-z_]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert sorted(listed) == sorted(faults.FAULTS)
