"""Whoever is on this machine and has the token decides what the provider does."""

import pytest
import requests

from tests.simulator.provider import CONTROL_TOKEN, Provider

ONE = [("capture", 1000, "INR")]


@pytest.mark.parametrize("token", ["", "x", CONTROL_TOKEN + "x"])
def test_nobody_controls_without_the_token(provider, token):
    headers = {"Authorization": f"Bearer {token}"}

    answers = [
        requests.post(f"{provider.url}/control/clock", json={}, headers=headers, timeout=5),
        requests.get(f"{provider.url}/control/calls", headers=headers, timeout=5),
    ]

    assert [answer.status_code for answer in answers] == [403, 403]


def test_an_operation_can_be_given_faults_before_and_after_it_is_known(provider):
    provider.control("faults", reference="chosen", faults="error_after")
    assert provider.charge(reference="chosen", key="c").status_code == 500
    assert provider.charge(reference="chosen", key="c").status_code == 201

    provider.control("faults", reference="chosen", faults="error_before:2")

    codes = [provider.charge(reference="chosen", key="c").status_code for _ in range(3)]
    assert codes == [500, 500, 201]
    assert provider.effects("chosen") == ONE


def test_the_next_operations_can_be_given_faults(provider):
    provider.control("faults", next=2, faults="decline_expired")

    assert [provider.charge().json()["status"] for _ in range(3)] == [
        "failed",
        "failed",
        "captured",
    ]


def test_a_failed_charge_is_captured_on_command(provider):
    charge = provider.charge("sim_decline_expired", reference="after all").json()

    provider.control("charge", id=charge["id"], status="captured")

    assert provider.effects("after all") == ONE


def test_a_refund_can_be_made_in_the_dashboard(provider):
    charge = provider.charge(reference="dash").json()

    refund = provider.control("refund", id=charge["id"], amount=100)

    assert (refund["status"], refund["charge"]) == ("succeeded", charge["id"])
    assert provider.get(f"/v1/charges/{charge['id']}").json()["refunded_amount"] == 100


def test_any_webhook_can_be_sent_as_often_as_wanted(begin, receiver):
    provider: Provider = begin(webhook_url=receiver.url)
    charge = provider.charge("sim_webhook_none", reference="told").json()

    provider.control("webhook", object=charge["id"], status="failed", times=3)
    provider.control("webhook", object=charge["id"], forged=True)

    provider.until(lambda: len(receiver.taken) == 3 and receiver.forged)
    assert receiver.told("told") == ["charge.failed"] * 3
    assert receiver.forged[0]["type"] == "charge.captured"


def statuses(provider, count):
    return [provider.charge().json().get("status") for _ in range(count)]


def test_a_seed_draws_the_same_faults_again_and_another_one_others(begin):
    chances = {"faults": {"decline_expired": 0.3, "pending_failure": 0.2, "webhook_twice": 0.5}}

    def drawn(seed, folder):
        provider: Provider = begin(folder=folder)
        provider.control("profile", profile=chances, seed=seed)
        statuses(provider, 60)
        return provider.rows("SELECT faults FROM sim_plan ORDER BY ordinal")

    first, again, other = drawn(1, "first"), drawn(1, "again"), drawn(2, "other")

    assert first == again != other
    assert {"", "decline_expired", "decline_expired+webhook_twice"} <= {one for (one,) in first}


def test_a_profile_can_be_named_or_a_file(tmp_path, begin):
    file = tmp_path / "profile.json"
    file.write_text('{"faults": {"decline_expired": 1}}')

    provider: Provider = begin("--profile", str(file), "--seed", "3")

    assert statuses(provider, 3) == ["failed"] * 3
    provider.control("profile", name="calm")
    assert statuses(provider, 3) == ["captured"] * 3


@pytest.mark.parametrize("name", ["calm", "rough", "storm"])
def test_a_profile_with_a_name_says_nothing_wrong(provider, name):
    assert provider.control("profile", name=name, seed=5)["seed"] == 5

    provider.control("profile", name="calm")


def test_an_outage_of_a_profile_comes_back(begin):
    provider: Provider = begin()
    outage = {"every_seconds": 3600, "seconds": 1800, "silence": "error"}
    provider.control("profile", profile={"outage": outage})

    def answers():
        found = []
        for _ in range(4):
            found.append(provider.charge().status_code)
            provider.control("clock", advance_seconds=1800)
        return found

    assert sorted(answers()) == [201, 201, 503, 503]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("clock", {}),
        ("clock", {"advance_seconds": "1"}),
        ("clock", {"advance_seconds": 1e300}),
        ("outage", {"seconds": 1, "silence": "loud"}),
        ("faults", {"next": 1, "faults": "drop"}),
        ("faults", {"reference": "x", "kind": "gift", "faults": "drop_after"}),
        ("profile", {"name": "calmer"}),
        ("profile", {"profile": {"faults": {"drop": 1}}}),
        ("profile", {"profile": {"faults": {"drop_after": 0.9, "drop_before": 0.2}}}),
        ("profile", {"profile": {"faults": {"drop_after": -1}}}),
        ("profile", {"profile": {"chances": {}}}),
        ("profile", {"profile": []}),
        ("profile", {"profile": {"outage": {"every_seconds": 1, "seconds": 2}}}),
        ("charge", {"reference": "x", "status": "captured"}),
        ("refund", {"reference": "x"}),
        ("webhook", {"object": "ch_x"}),
        ("nothing", {}),
    ],
)
def test_a_command_that_means_nothing_is_refused(provider, path, content):
    headers = {"Authorization": f"Bearer {CONTROL_TOKEN}"}

    answer = requests.post(
        f"{provider.url}/control/{path}", json=content, headers=headers, timeout=5
    )

    assert answer.status_code in {404, 422}
    assert answer.json()["error"]["code"]


def test_what_happened_can_be_read_in_pages(provider):
    headers = {"Authorization": f"Bearer {CONTROL_TOKEN}"}
    provider.charge(reference="paged", key="paged")

    def read(name, **query):
        path = f"{provider.url}/control/{name}"
        return requests.get(path, params=query, headers=headers, timeout=5).json()

    calls, state = read("calls", limit=100)["results"], read("state")
    assert [one["key"] for one in calls if one["reference"] == "paged"] == ["paged"]
    assert state["charges"] >= 1
    first = read("effects", limit=1)
    assert len(first["results"]) == 1
    assert first["next"] == str(first["results"][0]["seq"])
    assert {"event", "tries", "delivered_at"} <= read("webhooks", limit=1)["results"][0].keys()
