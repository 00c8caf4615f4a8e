"""The simulator may be killed at any moment; what it did and what it owes is on disk."""

import threading

import pytest
import requests

from tests.simulator.provider import Provider

ONE = [("capture", 1000, "INR")]


def _lose(provider, payment_method, reference):
    """Ask for a charge whose answer never comes."""
    with pytest.raises(requests.RequestException):
        provider.charge(payment_method, key=reference, reference=reference)


def test_a_kill_between_effect_and_answer_leaves_the_effect_and_its_key(begin):
    provider: Provider = begin()
    client = threading.Thread(target=_lose, args=[provider, "sim_slow_after", "killed"])
    client.start()
    provider.until(lambda: provider.effects("killed"))

    provider.kill()

    client.join()
    provider.start()
    again = provider.charge("sim_slow_after", key="killed", reference="killed")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert provider.effects("killed") == ONE


def test_a_kill_before_the_effect_leaves_nothing_of_it(begin):
    provider: Provider = begin()
    client = threading.Thread(target=_lose, args=[provider, "sim_slow_before", "early"])
    client.start()
    provider.until(lambda: provider.rows("SELECT 1 FROM sim_call WHERE met = 'slow'"))

    provider.kill()

    client.join()
    provider.start()
    assert provider.get("/charges", reference="early").json()["results"] == []


def test_faults_and_their_count_outlive_a_kill(begin):
    provider: Provider = begin()
    for _ in range(2):
        assert provider.charge("sim_error_before:3", reference="thrice").status_code == 500
        provider.kill()
        provider.start()

    assert provider.charge("sim_error_before:3", reference="thrice").status_code == 500
    assert provider.charge("sim_error_before:3", reference="thrice").status_code == 201


def test_clock_profile_and_outage_outlive_a_kill(begin):
    provider: Provider = begin()
    provider.control("clock", advance_seconds=86_400)
    provider.control("profile", profile={"faults": {"decline_expired": 1}}, seed=7)
    provider.charge("sim_pending_success", reference="due")
    provider.kill()
    provider.start()

    assert provider.control("clock", advance_seconds=2)["offset_seconds"] == 86_402
    assert provider.charge().json()["failure"]["code"] == "expired"
    assert provider.effects("due") == ONE
    provider.control("outage", seconds=600)
    provider.kill()
    provider.start()
    with pytest.raises(requests.ConnectionError):
        provider.charge()


def test_a_webhook_that_was_not_taken_is_sent_again_in_the_next_life(begin, receiver):
    receiver.status = 500
    provider: Provider = begin(webhook_url=receiver.url)
    provider.charge(reference="told")
    provider.until(lambda: receiver.refused)
    provider.kill()
    receiver.status = 200

    provider.start()

    provider.until(lambda: receiver.told("told"))
    assert receiver.taken[0]["id"] == receiver.refused[0]["id"]


def test_it_stops_when_it_is_asked_to(begin, receiver):
    provider: Provider = begin(webhook_url=receiver.url)
    provider.charge(reference="last")

    assert provider.stop() == 0

    assert provider.effects("last") == ONE
    assert provider.rows("PRAGMA integrity_check") == [("ok",)]


def test_many_clients_at_once_have_one_effect_for_each_key(begin):
    provider: Provider = begin()

    def ask(number: int) -> None:
        with requests.Session() as session:
            session.headers["Authorization"] = headers["Authorization"]
            for _ in range(5):
                session.post(
                    f"{provider.url}/v1/charges",
                    json={"reference": f"r{number}", "amount": 1000, "currency": "INR"},
                    headers={"Idempotency-Key": f"k{number}"},
                    timeout=10,
                ).raise_for_status()

    headers = provider.get("/v1/charges").request.headers
    threads = [threading.Thread(target=ask, args=[number % 4]) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert provider.rows("SELECT count(*) FROM sim_call WHERE kind = 'charge'") == [(60,)]
    assert [provider.effects(f"r{number}") for number in range(4)] == [ONE] * 4
