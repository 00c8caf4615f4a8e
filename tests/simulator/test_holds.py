"""What the provider holds: until it is taken, let go, or runs out."""

import pytest

DAY = 86_400


def authorized(provider, reference="held", **more):
    charge = provider.charge(reference=reference, capture=False, **more).json()
    assert (charge["status"], charge["capture_method"]) == ("authorized", "manual")
    return charge


def of(provider, charge):
    return provider.get(f"/v1/charges/{charge['id']}").json()


def test_a_charge_says_whose_request_took_it(provider):
    charge = authorized(provider)
    provider.post(f"/v1/charges/{charge['id']}/capture", {"reference": "ours", "amount": 400})

    shown = of(provider, charge)
    assert (shown["capture_reference"], shown["void_reference"]) == ("ours", None)
    assert (shown["captured_amount"], shown["authorized"]) == (400, True)


def test_it_runs_out_by_the_providers_clock_and_is_told(provider):
    charge = authorized(provider, "runs out")

    provider.control("clock", advance_seconds=7 * DAY - 60)
    assert of(provider, charge)["status"] == "authorized"
    provider.control("clock", advance_seconds=120)

    shown = of(provider, charge)
    assert (shown["status"], shown["void_reference"]) == ("expired", "expired")
    again = provider.post(f"/v1/charges/{charge['id']}/capture", {})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "not_authorized")
    assert provider.effects("runs out") == []


def test_what_was_taken_does_not_run_out(provider):
    charge = authorized(provider)
    provider.post(f"/v1/charges/{charge['id']}/capture", {})
    provider.control("clock", advance_seconds=30 * DAY)

    assert of(provider, charge)["status"] == "captured"


def test_what_is_pending_is_held_once_it_is_decided(provider):
    pending = provider.charge("sim_pending_success", capture=False).json()
    assert pending["status"] == "pending"
    provider.control("clock", advance_seconds=2)
    assert of(provider, pending)["status"] == "authorized"
    provider.control("clock", advance_seconds=8 * DAY)
    assert of(provider, pending)["status"] == "expired"


@pytest.mark.parametrize("status", ["captured", "voided", "expired"])
def test_the_dashboard_decides_what_is_held(provider, status):
    charge = authorized(provider)

    made = provider.control("charge", id=charge["id"], status=status)

    assert made["status"] == status
    assert made["captured_amount"] == (charge["amount"] if status == "captured" else 0)


@pytest.mark.parametrize("wrong", [{"amount": 0}, {"amount": 10**9}, {"status": "pending"}])
def test_the_dashboard_refuses_what_cannot_be(provider, wrong):
    charge = authorized(provider)

    with pytest.raises(AssertionError, match="_invalid"):
        provider.control("charge", **{"id": charge["id"], "status": "captured", **wrong})

    assert of(provider, charge)["status"] == "authorized"


def test_a_charges_payment_method_asks_for_faults_of_its_capture(provider):
    charge = authorized(provider, payment_method="sim_capture_decline_no")

    answer = provider.post(f"/v1/charges/{charge['id']}/capture", {"reference": "c"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (402, "no")
    assert of(provider, charge)["status"] == "authorized"
