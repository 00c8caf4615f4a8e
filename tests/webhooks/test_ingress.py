"""The providers' door: what is signed is stored once and answered 200, and nothing else is."""

import json
import logging
from datetime import UTC, datetime
from time import time
from typing import Any
from uuid import uuid4

import pytest

from gateways import signatures
from gateways.base import Notice, Outcome, OutcomeKind, succeeded
from gateways.disputes import DisputeNotice, DisputeSaid
from gateways.mocks import webhook
from tests.gateways.mocking import body_of
from tests.money import JSON, Provider, a_client, a_shop, deliver, drain, problem, reciting, told
from webhooks.models import ProviderEvent

pytestmark = pytest.mark.django_db

INVALID = (400, "signature-invalid")
STALE = (400, "signature-stale")
PATH = "/api/webhooks/mock_success/"
ZEROS = "0" * 64
UNREADABLE = ["", "t=1", "v1=ab", "x", f"t=x,v1={ZEROS}", "schlüssel", f"t=1,v1=é{ZEROS[1:]}",
              "t=1," * 400]  # fmt: skip


def post(body: bytes, signature: str | None, path: str = PATH):
    headers = {} if signature is None else {webhook.HEADER: signature}
    return a_client().post(path, body, content_type=JSON, headers=headers)


def signature(settings, body: bytes) -> str:
    return signatures.sign(settings.MOCK_WEBHOOK_SECRETS[0], body, time())


class TestASignature:
    def test_that_is_missing_is_refused(self):
        assert problem(post(body_of(uuid4()), None)) == INVALID

    @pytest.mark.parametrize("text", UNREADABLE)
    def test_that_cannot_be_read_is_refused(self, text):
        assert problem(post(body_of(uuid4()), text)) == INVALID

    def test_by_nobody_we_know_is_refused(self):
        assert problem(deliver("mock_success", body_of(uuid4()), secret="a stranger's")) == INVALID

    def test_of_another_body_is_refused(self, settings):
        signed = signature(settings, body_of(uuid4()))

        assert problem(post(body_of(uuid4(), amount=1), signed)) == INVALID

    @pytest.mark.parametrize("seconds", [-302, 302])
    def test_of_another_time_is_refused(self, seconds):
        answer = deliver("mock_success", body_of(uuid4()), at=time() + seconds)

        assert problem(answer) == STALE

    @pytest.mark.parametrize("seconds", [-298, 298])
    def test_of_nearly_now_is_taken(self, seconds):
        answer = deliver("mock_success", body_of(uuid4()), at=time() + seconds)

        assert answer.status_code == 200

    def test_by_the_second_secret_is_taken(self, settings):
        settings.GATEWAYS = {
            **settings.GATEWAYS,
            "mock_success": {
                "class": "gateways.providers.mock_success.MockSuccess",
                "options": {"database": settings.MOCK_DB, "webhook_secrets": ["new", "old"]},
            },
        }

        answers = [deliver("mock_success", body_of(uuid4()), secret=s) for s in ("new", "old")]

        assert [answer.status_code for answer in answers] == [200, 200]

    def test_that_is_refused_stores_nothing(self):
        post(body_of(uuid4()), None)
        deliver("mock_success", body_of(uuid4()), at=time() - 1_000)

        assert not ProviderEvent.objects.exists()


class TestAWebhook:
    def test_is_answered_once_it_is_stored(self):
        answer = deliver("mock_success", body_of(uuid4()))

        assert (answer.status_code, answer.json()) == (200, {"received": True})
        assert ProviderEvent.objects.count() == 1

    def test_delivered_again_is_answered_alike_and_stored_once(self):
        body = body_of(uuid4())

        answers = [deliver("mock_success", body, at=time() - age) for age in (0, 60, 120)]

        assert [answer.status_code for answer in answers] == [200] * 3
        assert ProviderEvent.objects.count() == 1

    def test_for_another_gateway_is_another_one(self):
        body = body_of(uuid4())

        deliver("mock_success", body)
        deliver("mock_failure", body)

        assert ProviderEvent.objects.count() == 2

    @pytest.mark.parametrize(
        "body",
        [b"not JSON", b"[]", b"{}", b'"x"', b"", b"\xff\xfe", b"\x00",
         json.dumps({"type": "charge.exploded"}).encode(),
         body_of(uuid4(), amount="10"), body_of(uuid4(), amount=-1),
         body_of(uuid4(), amount=10**30), body_of(uuid4(), currency="rupees"),
         body_of(uuid4(), reference=None), b"[" * 20_000],
    )  # fmt: skip
    def test_that_says_nothing_readable_is_parked(self, body):
        answer = deliver("mock_success", body)

        assert answer.status_code == 200, answer.content
        event = ProviderEvent.objects.get()
        assert event.parked_at
        assert event.parked_reason == "it cannot be read"

    def test_of_an_unknown_gateway_is_not_found(self):
        assert problem(deliver("nobody", body_of(uuid4()))) == (404, "not-found")

    def test_too_large_is_refused(self):
        answer = deliver("mock_success", b"x" * 70_000)

        assert problem(answer) == (413, "payload-too-large")

    def test_needs_no_api_key_and_has_no_other_verb(self):
        answer = a_client().get(PATH)

        assert problem(answer) == (405, "method-not-allowed")

    def test_is_logged_by_its_ids_only(self, lines):
        logging.getLogger().setLevel(logging.DEBUG)
        body = body_of(uuid4(), message="a secret remark", code="odd_code")

        deliver("mock_success", body)
        drain()

        assert "provider_event" in lines.getvalue()
        assert "secret remark" not in lines.getvalue()
        assert "odd_code" not in lines.getvalue()

    def test_with_a_card_number_is_stored_without_it(self, lines):
        body = body_of(uuid4(), message="card 4242424242424242 was declined")

        answer = deliver("mock_success", body)

        assert answer.status_code == 200
        columns = ProviderEvent.objects.values_list().get()
        assert all("4242424242424242" not in str(value) for value in columns)
        assert "4242424242424242" not in lines.getvalue()


class Careless(Provider):
    """A provider whose adapter hands on whatever it is sent, past the signature."""

    def read_webhook(self, headers: Any, body: bytes, now: float) -> Notice:
        text, amount = body.decode("utf-16"), self.answers[0]
        return Notice(
            event_id=text,
            kind="charge",
            outcome=Outcome(
                kind=OutcomeKind.DECLINED,
                provider_id=text,
                amount=amount,
                currency=text,
                code=text,
                message=text,
            ),
            reference=text,
            provider_id=text,
            occurred_at=datetime.now(UTC),
        )


def deliver_carelessly(settings, text: str, amount: int = 1) -> ProviderEvent:
    entry = {"class": f"{__name__}.Careless", "options": {"answers": [amount]}}
    settings.GATEWAYS = {"careless": entry}
    answer = deliver("careless", text.encode("utf-16"))
    assert answer.status_code == 200, answer.content
    return ProviderEvent.objects.get()


class TestAWordOfAProvider:
    def test_is_kept_without_its_card_number(self, settings):
        event = deliver_carelessly(settings, "of 4111 1111 1111 1111 no")

        said = (event.event_id, event.reference, event.currency, event.code, event.detail)
        assert {*said} == {"of [card] no"}

    @pytest.mark.parametrize("text", ["a\x00b", "x" * 20_000])
    def test_is_kept_however_long_or_odd_it_is(self, settings, text):
        event = deliver_carelessly(settings, text)

        assert event.parked_at is None
        assert len(event.detail) <= 500
        assert len(event.code) <= 100


def test_an_id_that_looks_like_a_card_is_still_that_object(settings):
    reciting(settings, succeeded("ch_4111111111111111", 1_000, "INR"))
    payment = a_shop().sold()

    told(payment, "charge.succeeded", provider_id="ch_4111111111111111")
    drain()

    event = ProviderEvent.objects.get()
    assert event.applied_at
    assert "4111111111111111" not in event.content


@pytest.mark.parametrize("amount", [2**63, -(2**63) - 1, 10**30])
def test_an_amount_that_no_column_holds_is_parked(settings, amount):
    event = deliver_carelessly(settings, "ch_1", amount)

    assert event.parked_reason == "it cannot be read"


def test_a_provider_hears_nothing_of_what_we_know():
    payment = a_shop().accepted()

    known = deliver("mock_success", body_of(payment.id))
    unknown = deliver("mock_success", body_of(uuid4()))

    assert known.content == unknown.content


class CarelessOfDisputes(Provider):
    """A provider whose adapter hands on whatever amounts it is told of a dispute."""

    def read_webhook(self, headers: Any, body: bytes, now: float) -> DisputeNotice:
        return DisputeNotice(
            event_id="evt_1",
            said=DisputeSaid.OPENED,
            provider_id="dp_1",
            charge_reference="pay-1",
            currency="INR",
            occurred_at=datetime.now(UTC),
            **{"amount": 1, **self.answers[0]},
        )


@pytest.mark.parametrize("said", [{"amount": 2**63}, {"fee": 2**63}])
def test_a_disputes_amount_that_no_column_holds_is_parked(settings, said):
    entry = {"class": f"{__name__}.CarelessOfDisputes", "options": {"answers": [said]}}
    settings.GATEWAYS = {"careless": entry}

    deliver("careless", b"{}")

    assert ProviderEvent.objects.get().parked_reason == "it cannot be read"


def test_a_dispute_is_stored_in_our_words_without_a_card_number():
    body = body_of(
        "pay-1", type="dispute.lost", provider_id="dp_1", code="of 4242 4242 4242 4242", fee=15
    )

    deliver("mock_success", body)

    event = ProviderEvent.objects.get()
    assert (event.kind, event.outcome, event.reference) == ("dispute", "lost", "pay-1")
    assert (event.provider_id, event.fee, event.code) == ("dp_1", 15, "of [card]")
    assert "4242" not in event.content
