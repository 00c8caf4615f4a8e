"""A key is one effect while it lives, and nothing at a provider that ignores it."""

from tests.simulator.provider import Provider

ONE = [("capture", 1000, "INR")]
DAY_SECONDS = 86_400


def test_the_same_key_again_is_the_same_charge(provider):
    first = provider.charge(key="k1", reference="twice")
    second = provider.charge(key="k1", reference="twice")

    assert second.json() == first.json()
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert provider.effects("twice") == ONE


def test_a_key_that_was_used_for_something_else_is_refused(provider):
    provider.charge(key="k2", reference="mine")

    other = provider.charge(key="k2", reference="mine", amount=999)

    assert (other.status_code, other.json()["error"]["code"]) == (409, "key_reused")
    assert provider.effects("mine") == ONE


def test_another_key_is_another_charge_whatever_the_reference(provider):
    provider.charge(key="k3", reference="double")
    provider.charge(key="k4", reference="double")

    assert provider.effects("double") == ONE * 2


def test_a_refusal_is_kept_under_its_key_too(provider):
    charge = provider.charge().json()
    first = provider.refund(charge["id"], key="k5", amount=1001, reference="no")
    second = provider.refund(charge["id"], key="k5", amount=1001, reference="no")

    assert first.status_code == second.status_code == 422
    assert second.headers["Idempotent-Replayed"] == "true"


def test_a_key_past_its_life_charges_again(begin):
    provider: Provider = begin("--key-lifetime", str(DAY_SECONDS))
    provider.charge(key="k", reference="old")
    provider.control("clock", advance_seconds=DAY_SECONDS - 60)
    provider.charge(key="k", reference="old")
    assert provider.effects("old") == ONE

    provider.control("clock", advance_seconds=120)
    provider.charge(key="k", reference="old")

    assert provider.effects("old") == ONE * 2


def test_without_keys_the_same_request_again_is_another_charge(begin):
    provider: Provider = begin("--no-keys")

    provider.charge(key="k", reference="keyless")
    provider.charge(key="k", reference="keyless")

    assert provider.effects("keyless") == ONE * 2


def test_every_call_is_recorded_with_its_key_body_and_answer(provider):
    charge = provider.charge(key="k6", reference="noted").json()
    provider.charge(key="k6", reference="noted")

    sql = "SELECT key, body_sha256, status, object FROM sim_call WHERE reference = 'noted'"
    calls = provider.rows(sql)

    assert len(calls) == 2
    assert calls[0] == calls[1]
    assert (calls[0][0], calls[0][2], calls[0][3]) == ("k6", 201, charge["id"])


def test_look_ups_are_recorded_too(provider):
    charge = provider.charge(reference="looked up").json()
    before = provider.rows("SELECT coalesce(max(seq), 0) FROM sim_call")[0][0]

    provider.get("/v1/charges", reference="looked up")
    provider.get(f"/v1/charges/{charge['id']}")
    provider.get("/v1/charges", limit=1)

    calls = provider.rows("SELECT kind, reference, key FROM sim_call WHERE seq > ?", before)
    assert calls == [("find", "looked up", ""), ("get", "", ""), ("list", "", "")]
