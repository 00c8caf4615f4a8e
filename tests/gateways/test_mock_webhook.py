"""The mocks' webhooks: what is refused, and that they are really sent."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from gateways import signatures
from gateways.base import NoticeMalformed, OutcomeKind, SignatureInvalid
from gateways.disputes import DisputeNotice, DisputeSaid
from gateways.mocks import tokens, webhook
from gateways.providers.mock import Mock
from tests.gateways.making import AMOUNT, a_capture, a_charge, a_refund, in_time
from tests.gateways.mocking import SECRETS, body_of

NOW = 1_800_000_000.0
BODY = body_of("operation-1")
SIGNATURE = signatures.sign(SECRETS[0], BODY, NOW)
MAC = SIGNATURE.partition("v1=")[2]


def read(header: str, body: bytes = BODY, *, now: float = NOW, secrets=SECRETS):
    return webhook.read({webhook.HEADER: header}, body, secrets=secrets, now=now)


def test_the_signature_is_the_published_one():
    signed = signatures.sign("k", b"{}", 1_700_000_000.9)

    # printf '1700000000.{}' | openssl dgst -sha256 -hmac k
    assert signed == (
        "t=1700000000,v1=c6ef4734033cee2367414a0939385eca0397754aa7a59716da7463a9298b5146"
    )


@pytest.mark.parametrize(
    "header",
    [
        f"t={NOW:.0f},v1={'0' * 64},v1={MAC}",
        f"v1={MAC},t={NOW:.0f}",
        f"t={NOW:.0f},v1={MAC.upper()}",
        f"t={NOW:.0f},v0=anything,v1={MAC}",
    ],
)
def test_any_right_signature_in_the_header_is_enough(header):
    assert read(header).reference == "operation-1"


@pytest.mark.parametrize(
    "header",
    [
        f"t={NOW:.0f},v0={MAC}",
        f"t={NOW:.0f},t={NOW:.0f},v1={MAC}",
        f"t=+{NOW:.0f},v1={MAC}",
        f"t= {NOW:.0f},v1={MAC}",
        f"t={NOW},v1={MAC}",
        f"t={NOW + 1:.0f},v1={MAC}",
        f"t=١٨٠٠٠٠٠٠٠٠,v1={MAC}",
        f"t={NOW:.0f}\n,v1={MAC}",
        f"t={NOW:.0f},v1={MAC}\n",
        f"t={NOW:.0f},v1={MAC[:-2]}",
        f"t={NOW:.0f},v1={MAC[:32]} {MAC[32:]}",
        f"t={NOW:.0f},v1={'é' * 64}",
        f"v1={MAC}",
        f"t={NOW:.0f}",
        SIGNATURE + "," * 1_024,
    ],
)
def test_any_other_header_is_refused(header):
    with pytest.raises(SignatureInvalid):
        read(header)


def test_without_secrets_every_signature_is_refused():
    empty = signatures.sign("", BODY, NOW)

    with pytest.raises(SignatureInvalid):
        read(empty, secrets=())


@pytest.mark.parametrize(
    "changed",
    [
        {"id": None},
        {"id": ""},
        {"id": 7},
        {"id": "x" * 256},
        {"id": "nul\x00"},
        {"id": "\ud800"},
        {"type": "charge.disputed"},
        {"type": "dispute.updated"},
        {"type": "dispute.opened", "reference": None},
        {"type": "dispute.opened", "provider_id": ""},
        {"type": "dispute.opened", "amount": 0},
        {"type": "dispute.opened", "fee": 0},
        {"type": "dispute.opened", "fee": "15"},
        {"type": "dispute.opened", "currency": "inr"},
        {"type": ["charge.succeeded"]},
        {"reference": None},
        {"provider_id": None},
        {"amount": None},
        {"amount": "1000"},
        {"amount": 1000.0},
        {"amount": True},
        {"amount": 0},
        {"amount": -1},
        {"amount": 2**63},
        {"currency": None},
        {"currency": "inr"},
        {"currency": "INRX"},
        {"code": 7},
        {"type": "charge.requires_action"},
        {"type": "charge.requires_action", "action_url": "https://pay.test/" + "x" * 2048},
    ],
)
def test_a_signed_event_with_a_wrong_member_is_malformed(changed):
    body = body_of("operation-1", **changed)

    with pytest.raises(NoticeMalformed):
        read(signatures.sign(SECRETS[0], body, NOW), body)


@pytest.mark.parametrize("said", ["opened", "won", "lost"])
def test_a_dispute_is_read_in_our_words(said):
    body = body_of(
        "operation-1", type=f"dispute.{said}", provider_id="dp_1", code="fraudulent", fee=15
    )

    notice = read(signatures.sign(SECRETS[0], body, NOW), body)

    assert notice == DisputeNotice(
        event_id="evt_1",
        said=DisputeSaid(said),
        provider_id="dp_1",
        charge_reference="operation-1",
        amount=AMOUNT,
        currency="INR",
        occurred_at=datetime.fromtimestamp(NOW, UTC),
        reason="fraudulent",
        fee=15,
    )


def test_members_we_do_not_know_are_left_alone():
    body = body_of("operation-1", livemode=False, data={"deep": []})

    assert read(signatures.sign(SECRETS[0], body, NOW), body).event_id == "evt_1"


@pytest.mark.parametrize(
    ("event", "kind", "outcome"),
    [
        ("charge.succeeded", "charge", OutcomeKind.SUCCEEDED),
        ("charge.failed", "charge", OutcomeKind.DECLINED),
        ("refund.succeeded", "refund", OutcomeKind.SUCCEEDED),
        ("refund.failed", "refund", OutcomeKind.DECLINED),
    ],
)
def test_each_type_says_what_happened_to_what(event, kind, outcome):
    body = body_of("operation-1", type=event, code="do_not_honor")

    notice = read(signatures.sign(SECRETS[0], body, NOW), body)

    assert (notice.kind, notice.outcome.kind) == (kind, outcome)
    assert (notice.provider_id, notice.outcome.code) == ("ch_1", "do_not_honor")
    assert notice.occurred_at.timestamp() == NOW


class Listener:
    """An address that keeps every webhook it gets, and refuses the first few."""

    def __init__(self) -> None:
        self.refusals_left = 0
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.arrived = threading.Condition()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = outer.take(dict(self.headers.items()), body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing: the test looks at what arrived."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/"

    def take(self, headers: dict[str, str], body: bytes) -> int:
        with self.arrived:
            self.received.append((headers, body))
            self.arrived.notify_all()
            self.refusals_left -= 1
            return 503 if self.refusals_left >= 0 else 200

    def wait_for(self, count: int, seconds: float = 5.0) -> list[tuple[dict[str, str], bytes]]:
        with self.arrived:
            self.arrived.wait_for(lambda: len(self.received) >= count, timeout=seconds)
            return list(self.received)


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    thread = threading.Thread(target=listener.server.serve_forever, daemon=True)
    thread.start()
    yield listener
    listener.server.shutdown()
    listener.server.server_close()
    thread.join()


@pytest.fixture
def mock(database, listener) -> Mock:
    return Mock(database=database, webhook_secrets=SECRETS, webhook_url=listener.url)


class TestSending:
    def test_a_pending_result_arrives_signed_after_its_time(self, mock, listener):
        charge = a_charge("tok_pending_success")
        outcome = mock.charge(charge, in_time())

        ((headers, body),) = listener.wait_for(1)

        notice = mock.read_webhook(headers, body, time.time())
        assert notice.reference == str(charge.operation_id)
        assert notice.provider_id == outcome.provider_id
        assert notice.outcome.kind is OutcomeKind.SUCCEEDED
        assert (notice.outcome.amount, notice.outcome.currency) == (AMOUNT, "INR")

    def test_failures_and_refunds_are_told_too(self, mock, listener):
        charge = a_charge("tok_refund_pending")
        mock.charge(charge, in_time())

        mock.refund(a_refund(charge), in_time())
        mock.charge(a_charge("tok_pending_failure"), in_time())

        types = [json.loads(body)["type"] for _, body in listener.wait_for(2)]
        assert types == ["refund.succeeded", "charge.failed"]

    def test_a_refused_webhook_is_sent_again_with_the_same_bytes(self, mock, listener):
        listener.refusals_left = 2

        mock.charge(a_charge("tok_pending_success"), in_time())

        bodies = [body for _, body in listener.wait_for(3)]
        assert len(bodies) == 3
        assert len(set(bodies)) == 1

    def test_a_dispute_is_told_step_by_step_and_once_for_a_key(self, mock, listener):
        charge = a_charge("tok_dispute_lost")
        for _ in range(2):
            outcome = mock.charge(charge, in_time())

        told = [json.loads(body) for _, body in listener.wait_for(3, seconds=6)]

        assert outcome.kind is OutcomeKind.SUCCEEDED
        assert [one["type"] for one in told] == ["dispute.opened", "dispute.lost"]
        assert {one["charge_reference"] for one in told} == {str(charge.operation_id)}
        assert {one["provider_id"] for one in told} == {f"dp_{outcome.provider_id}"}
        assert {one["amount"] for one in told} == {AMOUNT}

    def test_what_is_held_first_is_disputed_when_it_is_captured(self, mock, listener):
        charge = a_charge("tok_dispute_opened", captures=False)
        mock.charge(charge, in_time())
        assert listener.wait_for(1, seconds=tokens.DISPUTE_SECONDS + 0.5) == []

        mock.capture(a_capture(charge, amount=400), in_time())

        ((_, body),) = listener.wait_for(1)
        told = json.loads(body)
        assert (told["type"], told["amount"]) == ("dispute.opened", 400)
        assert told["charge_reference"] == str(charge.operation_id)

    def test_it_gives_up_after_three_tries(self, mock, listener):
        listener.refusals_left = 9

        mock.charge(a_charge("tok_pending_success"), in_time())

        assert len(listener.wait_for(4, seconds=4.5)) == 3

    def test_a_silent_result_is_never_told(self, mock, listener):
        mock.charge(a_charge("tok_pending_silent_success"), in_time())

        assert listener.wait_for(1, seconds=1.5) == []

    def test_a_repeat_under_the_key_is_not_told_twice(self, mock, listener):
        charge = a_charge("tok_pending_success")

        mock.charge(charge, in_time())
        mock.charge(charge, in_time())

        assert len(listener.wait_for(2, seconds=1.8)) == 1
