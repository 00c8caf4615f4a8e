"""A charge may wait for its payer, who approves, refuses, or never comes."""

import pytest
import requests

BACK = "http://shop.test/back?order=7#top"


def waiting(provider, fault="requires_action", **given):
    charge = provider.charge(f"sim_{fault}", **given).json()
    assert charge["status"] == "requires_action"
    return charge


def press(charge, deed):
    return requests.post(
        charge["action"]["url"], data={"deed": deed}, timeout=5, allow_redirects=False
    )


def held(provider, charge):
    return provider.get(f"/v1/charges/{charge['id']}").json()


def test_a_charge_that_waits_names_the_page_and_moves_nothing(provider):
    charge = waiting(provider, reference="waits", description="<b>Shoes</b>")

    page = requests.get(charge["action"]["url"], timeout=5)

    assert charge["action"]["url"] == f"{provider.url}/actions/{charge['id']}"
    assert charge["action"] | {"url": ""} == {"type": "redirect", "url": "", "taken_at": None}
    assert "1000 INR" in page.text
    assert "&lt;b&gt;Shoes" in page.text
    assert "Approve" in page.text
    assert provider.effects("waits") == []


def test_a_payer_who_approves_pays_and_goes_back(provider):
    charge = waiting(provider, reference="yes", return_url=BACK)

    answer = press(charge, "approve")

    assert answer.status_code == 303
    assert answer.headers["Location"] == (
        f"http://shop.test/back?order=7&charge={charge['id']}&status=captured#top"
    )
    assert provider.effects("yes") == [("capture", 1000, "INR")]
    assert held(provider, charge)["action"]["taken_at"]


def test_a_payer_who_refuses_does_not_pay_and_goes_back(provider):
    charge = waiting(provider, reference="no", return_url=BACK)

    answer = press(charge, "refuse")

    assert "status=failed" in answer.headers["Location"]
    assert held(provider, charge)["failure"]["code"] == "action_refused"
    assert provider.effects("no") == []


def test_whoever_presses_twice_or_otherwise_changes_nothing_more(provider):
    charge = waiting(provider, reference="twice", return_url=BACK)

    answers = [press(charge, deed) for deed in ("approve", "approve", "refuse")]

    assert {answer.status_code for answer in answers} == {303}
    assert provider.effects("twice") == [("capture", 1000, "INR")]
    page = requests.get(charge["action"]["url"], timeout=5).text
    assert "is captured" in page
    assert "Approve" not in page


def test_without_a_way_back_the_page_says_what_happened(provider):
    answer = press(waiting(provider), "approve")

    assert answer.status_code == 200
    assert "is captured. You may close this window." in answer.text


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "//evil.test", "http://a b", "http://a\nb"]
)
def test_a_way_back_that_is_no_web_address_is_refused(provider, address):
    answer = provider.charge("sim_requires_action", return_url=address)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "return_url_invalid")


def test_there_is_no_page_for_a_charge_that_nobody_has_to_act_for(provider):
    charge = provider.charge().json()

    answers = [
        requests.get(f"{provider.url}/actions/{charge['id']}", timeout=5),
        requests.post(f"{provider.url}/actions/{charge['id']}", timeout=5),
        requests.get(f"{provider.url}/actions/ch_{'0' * 32}", timeout=5),
        press(waiting(provider), "something else"),
    ]

    assert charge["action"] is None
    assert [answer.status_code for answer in answers] == [404, 404, 404, 422]


def test_an_authorization_that_is_approved_waits_for_its_capture(provider):
    charge = waiting(provider, reference="auth", capture=False)

    press(charge, "approve")

    assert held(provider, charge)["status"] == "authorized"
    assert provider.effects("auth") == []
    assert provider.post(f"/v1/charges/{charge['id']}/capture", {}).json()["status"] == "captured"


def test_the_payers_time_is_over_after_an_hour_of_its_clock(begin):
    provider = begin()
    charge = waiting(provider)
    provider.control("clock", advance_seconds=3500)
    assert held(provider, charge)["status"] == "requires_action"

    provider.control("clock", advance_seconds=200)

    ended = held(provider, charge)
    assert (ended["status"], ended["failure"]["code"]) == ("expired", "action_expired")
    assert ended["action"]["taken_at"] is None
    assert press(charge, "approve").status_code == 200
    assert held(provider, charge)["status"] == "expired"


@pytest.mark.parametrize(
    ("fault", "status"),
    [("success", "captured"), ("failure", "failed"), ("abandoned", "expired")],
)
def test_a_payer_is_played(begin, fault, status):
    provider = begin()
    charge = waiting(provider, f"requires_action_{fault}")

    provider.control("clock", advance_seconds=2)

    assert held(provider, charge)["status"] == status
    assert bool(held(provider, charge)["action"]["taken_at"]) == (status != "expired")


@pytest.mark.parametrize("fault", ["requires_action", "requires_action_success"])
def test_what_was_approved_may_be_decided_later(begin, fault):
    provider = begin()
    charge = waiting(provider, f"{fault}+approval_pending", reference="slow", capture=False)

    if fault == "requires_action":
        provider.control("action", reference="slow", deed="approve")
    else:
        provider.control("clock", advance_seconds=1.5)

    pending = held(provider, charge)
    assert pending["status"] == "pending"
    assert pending["action"]["taken_at"]
    provider.control("clock", advance_seconds=2)
    assert held(provider, charge)["status"] == "authorized"


def test_control_acts_for_the_payer_once(provider):
    charge = waiting(provider, reference="by control")

    became = provider.control("action", reference="by control", deed="refuse")

    assert became["status"] == "failed"
    with pytest.raises(AssertionError, match="not_waiting"):
        provider.control("action", id=charge["id"], deed="approve")


def test_nobody_acts_during_an_outage(begin):
    provider = begin()
    charge = waiting(provider)
    provider.control("outage", seconds=60, silence="error")

    assert press(charge, "approve").status_code == 503
    provider.control("outage", seconds=0)
    assert held(provider, charge)["status"] == "requires_action"


def test_a_charge_that_waits_for_its_payer_can_be_let_go(provider):
    charge = waiting(provider)

    answer = provider.post(f"/v1/charges/{charge['id']}/void", {})

    assert answer.json()["status"] == "voided"
    press(charge, "approve")
    assert held(provider, charge)["status"] == "voided"


def test_nobody_has_to_approve_a_refund(provider):
    charge = provider.charge("sim_refund_requires_action_success").json()

    assert provider.refund(charge["id"]).json()["status"] == "succeeded"


def test_each_step_is_told(begin, receiver):
    provider = begin(webhook_url=receiver.url)
    charge = waiting(provider, "requires_action+approval_pending", reference="told")
    press(charge, "approve")

    provider.until(lambda: len(receiver.told("told")) == 3)

    # Several carriers deliver at once.
    assert set(receiver.told("told")) == {
        "charge.requires_action", "charge.pending", "charge.captured",
    }  # fmt: skip


def test_the_page_is_where_payers_find_it(tmp_path, monkeypatch, begin):
    monkeypatch.setenv("SIMULATOR_PUBLIC_URL", "https://pay.test/sim/")

    charge = waiting(begin())

    assert charge["action"]["url"] == f"https://pay.test/sim/actions/{charge['id']}"
