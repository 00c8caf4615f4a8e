"""The simulator tells what happened, signed, until somebody listens; or tells lies on request."""

from datetime import datetime

import pytest

from tests.simulator.provider import Provider


@pytest.fixture
def told(begin, receiver) -> Provider:
    """Give a simulator whose webhooks go to the receiver."""
    provider: Provider = begin(webhook_url=receiver.url)
    return provider


def test_every_end_is_told_signed_with_the_object_as_it_is(told, receiver):
    charge = told.charge(reference="good").json()
    told.charge("sim_decline_expired", reference="bad")
    refund = told.refund(charge["id"], reference="back").json()

    told.until(lambda: len(receiver.taken) == 3)

    assert receiver.told("good") == ["charge.captured"]
    assert receiver.told("bad") == ["charge.failed"]
    assert receiver.told("back") == ["refund.succeeded"]
    about = {event["data"]["id"]: event["data"] for event in receiver.taken}
    assert about[charge["id"]] == charge
    assert about[refund["id"]] == refund
    assert len({event["id"] for event in receiver.taken}) == 3
    assert not receiver.forged


def test_a_webhook_is_sent_again_until_it_is_taken(told, receiver):
    receiver.status = 503
    told.charge(reference="insist")
    told.until(lambda: len(receiver.refused) >= 2)

    receiver.status = 200

    told.until(lambda: receiver.taken)
    assert {event["id"] for event in receiver.refused} == {receiver.taken[0]["id"]}
    told.until(lambda: told.rows("SELECT 1 FROM sim_letter WHERE delivered_at IS NOT NULL"))


def test_a_pending_charge_is_told_when_it_is_decided(told, receiver):
    told.charge("sim_pending_success", reference="later")

    told.until(lambda: len(receiver.told("later")) == 2)

    assert receiver.told("later") == ["charge.pending", "charge.captured"]


@pytest.mark.parametrize(
    ("fault", "types"),
    [
        ("webhook_twice", ["charge.captured", "charge.captured"]),
        ("webhook_reordered", ["charge.captured", "charge.pending"]),
        ("webhook_contradictory", ["charge.captured", "charge.failed"]),
    ],
)
def test_webhooks_may_repeat_come_in_another_order_and_contradict(told, receiver, fault, types):
    told.charge(f"sim_{fault}", reference=fault)

    told.until(lambda: len(receiver.taken) == 2)

    order = sorted if fault == "webhook_contradictory" else list
    assert order(receiver.told(fault)) == types
    same = len({event["id"] for event in receiver.taken}) == 1
    assert same == (fault == "webhook_twice")


def test_a_forged_webhook_is_tried_once_beside_the_true_one(told, receiver):
    told.charge("sim_decline_expired+webhook_forged", reference="forged")

    told.until(lambda: receiver.forged and receiver.taken)

    assert [event["type"] for event in receiver.forged] == ["charge.captured"]
    assert receiver.told("forged") == ["charge.failed"]
    told.until(lambda: told.rows("SELECT 1 FROM sim_letter WHERE forged AND given_up_at > 0"))


def test_a_webhook_may_be_late_or_never_come(told, receiver):
    told.charge("sim_webhook_late", reference="late")
    told.charge("sim_webhook_none", reference="never")
    told.charge(reference="at once")
    told.until(lambda: receiver.told("at once"))
    assert receiver.told("late") == []

    told.control("clock", advance_seconds=10)

    told.until(lambda: receiver.told("late"))
    assert receiver.told("never") == []


def test_an_outage_is_silent_and_ends_in_a_flood(told, receiver):
    for number in range(20):
        told.charge("sim_pending_success", reference=f"r{number}")
    told.until(lambda: len(receiver.taken) == 20)
    told.control("outage", seconds=3_600, silence="error")
    told.control("clock", advance_seconds=60)
    assert told.get("/v1/charges").status_code == 503
    assert told.charge(reference="none").status_code == 503
    assert told.effects("r0")  # it goes on deciding, and tells nobody
    assert len(receiver.taken) == 20

    told.control("clock", advance_seconds=3_600)

    told.until(lambda: len(receiver.taken) == 40)
    assert told.effects("none") == []


def test_events_carry_the_simulators_time_and_signatures_the_real_one(told, receiver):
    """A receiver refuses old signatures, and should: the clock of the story is not that of TLS."""
    told.control("clock", advance_seconds=30 * 86_400)

    told.charge(reference="future")

    told.until(lambda: receiver.told("future"))
    (event,) = receiver.taken
    created = datetime.fromisoformat(event["data"]["created_at"])
    assert (created - datetime.now(created.tzinfo)).days >= 29
