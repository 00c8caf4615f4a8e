"""A payer's bank takes money back: on command, or as a payment method asks for it."""

from typing import Any

import pytest
import requests

from simulator import faults
from simulator.disputes import STEP_SECONDS
from tests.simulator.provider import CONTROL_TOKEN, Provider


def disputes(provider: Provider, reference: str) -> list[dict[str, Any]]:
    """Return the open books' disputes of a charge."""
    answer = requests.get(f"{provider.url}/disputes", params={"reference": reference}, timeout=5)
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def moved(provider: Provider, dispute: str) -> list[str]:
    return [kind for kind, _, _ in provider.effects(dispute)]


def refused(provider: Provider, **content: object) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {CONTROL_TOKEN}"}
    answer = requests.post(
        f"{provider.url}/control/dispute", json=content, headers=headers, timeout=5
    )
    return answer.status_code, answer.json()["error"]["code"]


def test_a_charge_is_disputed_on_command_and_the_money_is_taken_back(provider):
    charge = provider.charge(reference="disputed").json()

    made = provider.control("dispute", reference="disputed", amount=300, fee=15, reason="fraud")

    assert made["object"] == "dispute"
    assert (made["status"], made["amount"], made["fee"]) == ("open", 300, 15)
    assert (made["charge"], made["charge_reference"]) == (charge["id"], "disputed")
    assert made["reason"] == "fraud"
    assert disputes(provider, "disputed") == [made]
    assert moved(provider, made["id"]) == ["dispute"]


def test_a_dispute_is_over_the_whole_charge_unless_it_says_otherwise(provider):
    provider.charge(reference="whole")

    assert provider.control("dispute", reference="whole")["amount"] == 1000


@pytest.mark.parametrize(("status", "effects"), [("won", ["dispute", "dispute_won"]),
                                                 ("lost", ["dispute"])])  # fmt: skip
def test_a_dispute_is_decided_and_only_one_that_is_won_gives_back(provider, status, effects):
    provider.charge(reference=f"decided {status}")
    made = provider.control("dispute", reference=f"decided {status}")

    decided = provider.control("dispute", dispute=made["id"], status=status)

    assert (decided["status"], decided["decided_at"] is None) == (status, False)
    assert moved(provider, made["id"]) == effects


def test_a_decision_may_be_changed_and_the_money_goes_with_it(provider):
    provider.charge(reference="wavering")
    made = provider.control("dispute", reference="wavering")

    for status in ("won", "lost", "won"):
        provider.control("dispute", dispute=made["id"], status=status)

    assert moved(provider, made["id"]) == ["dispute", "dispute_won"] * 2


def test_what_is_disputed_or_lost_cannot_be_refunded(provider):
    charge = provider.charge(reference="no room").json()
    made = provider.control("dispute", reference="no room", amount=700)

    assert provider.refund(charge["id"], amount=400).status_code == 422
    assert provider.refund(charge["id"], amount=300).status_code == 201
    provider.control("dispute", dispute=made["id"], status="won")
    assert provider.refund(charge["id"], amount=700).status_code == 201


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"reference": "nobody's"}, (404, "charge_not_found")),
        ({"reference": "declined"}, (422, "not_captured")),
        ({"reference": "fine", "status": "settled"}, (422, "status_invalid")),
        ({"reference": "fine", "amount": 0}, (422, "amount_invalid")),
        ({"reference": "fine", "amount": "1"}, (422, "amount_invalid")),
        ({"reference": "fine", "fee": 0}, (422, "amount_invalid")),
        ({"dispute": "dp_x", "status": "won"}, (404, "dispute_not_found")),
    ],
)
def test_a_dispute_that_cannot_be_is_refused(provider, content, expected):
    provider.charge("sim_decline_expired", reference="declined")
    provider.charge(reference="fine")

    assert refused(provider, **content) == expected


def test_a_dispute_is_not_decided_twice_alike(provider):
    provider.charge(reference="once")
    made = provider.control("dispute", reference="once")
    provider.control("dispute", dispute=made["id"], status="won")

    assert refused(provider, dispute=made["id"], status="won") == (422, "status_invalid")


@pytest.mark.parametrize("ends", ["opened", "won", "lost"])
def test_a_payment_method_asks_for_a_dispute_some_seconds_after_the_capture(begin, receiver, ends):
    provider: Provider = begin(webhook_url=receiver.url)
    provider.charge(f"sim_dispute_{ends}", reference="scripted")
    assert disputes(provider, "scripted") == []

    provider.control("clock", advance_seconds=STEP_SECONDS)
    (opened,) = provider.until(lambda: disputes(provider, "scripted"))
    provider.control("clock", advance_seconds=STEP_SECONDS)

    told = ["dispute.opened"] if ends == "opened" else ["dispute.opened", f"dispute.{ends}"]
    provider.until(lambda: len(receiver.taken) == 1 + len(told))
    assert sorted(one["type"] for one in receiver.taken) == sorted(["charge.captured", *told])
    assert opened["status"] == "open"
    assert disputes(provider, "scripted")[0]["status"] == ends.replace("opened", "open")


def test_what_is_due_while_nobody_looks_happens_in_its_order(begin):
    provider: Provider = begin()
    provider.charge("sim_dispute_won", reference="overdue")

    provider.control("clock", advance_seconds=86_400)

    (made,) = disputes(provider, "overdue")
    assert made["status"] == "won"
    assert moved(provider, made["id"]) == ["dispute", "dispute_won"]


def test_its_webhooks_are_tried_until_they_are_taken(begin, receiver):
    receiver.status = 503
    provider: Provider = begin(webhook_url=receiver.url)
    provider.charge("sim_webhook_none", reference="quiet")
    provider.charge("sim_webhook_twice", reference="loud")
    provider.control("dispute", reference="quiet")
    provider.control("dispute", reference="loud")
    provider.until(lambda: len(receiver.refused) >= 4)

    receiver.status = 200

    provider.until(lambda: len(receiver.taken) == 4)
    told = [one for one in receiver.taken if one["type"] == "dispute.opened"]
    assert [one["data"]["charge_reference"] for one in told] == ["loud", "loud"]


def test_any_webhook_about_it_can_be_sent(begin, receiver):
    provider: Provider = begin(webhook_url=receiver.url)
    provider.charge("sim_webhook_none", reference="told")
    made = provider.control("dispute", reference="told")

    provider.control("webhook", object=made["id"], status="lost")
    provider.control("webhook", object=made["id"], status="open", times=2)

    provider.until(lambda: len(receiver.taken) == 3)
    assert sorted(one["type"] for one in receiver.taken) == [
        "dispute.lost",
        *["dispute.opened"] * 2,
    ]


def test_the_page_shows_disputes_that_were_opened(provider):
    provider.charge("sim_dispute_won", reference="planned only")
    provider.charge(reference="shown")
    made = provider.control("dispute", reference="shown", reason="<b>odd</b>")

    page = requests.get(provider.url, timeout=5).text

    assert made["id"] in page
    assert "&lt;b&gt;odd&lt;/b&gt;" in page


def test_the_books_say_how_many_there_are(provider):
    headers = {"Authorization": f"Bearer {CONTROL_TOKEN}"}

    state = requests.get(f"{provider.url}/control/state", headers=headers, timeout=5).json()

    assert state["disputes"] >= 1


def test_every_dispute_has_a_name_among_the_faults():
    named = {name for name in faults.FAULTS if name.startswith("dispute_")}

    assert named == {"dispute_opened", "dispute_won", "dispute_lost"}
