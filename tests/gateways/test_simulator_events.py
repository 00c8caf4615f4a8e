"""What the adapter to the simulator reads in a signed event, and what it does not."""

import json
import time
from typing import Any

import pytest

from core.ids import uuid7
from gateways import signatures
from gateways.base import NoticeMalformed, OutcomeKind
from gateways.disputes import DisputeNotice, DisputeSaid
from gateways.providers.simulator import SIGNATURE_HEADER, Simulator
from tests.gateways.making import AMOUNT
from tests.gateways.simulated import ACCOUNT, SECRETS, event_of, options


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(**options("http://127.0.0.1:1"))


@pytest.mark.parametrize(
    "changed",
    [
        {"account": None},
        {"status": "teleported"},
        {"status": 1},
        {"object": "gift"},
        {"reference": "left out"},
        {"id": "a\x00b"},
        {"captured_amount": 0},
        {"captured_amount": "1000"},
        {"currency": None},
        {"status": "failed", "failure": None},
    ],
)
def test_a_signed_event_about_something_else_is_not_read(simulator, changed):
    body = event_of(uuid7(), **changed)
    headers = {SIGNATURE_HEADER: signatures.sign(SECRETS[0], body, time.time())}

    with pytest.raises(NoticeMalformed):
        simulator.read_webhook(headers, body, time.time())


def test_a_signed_event_of_another_account_says_which(simulator):
    body = event_of(uuid7(), account="acct_of_somebody_else")
    headers = {SIGNATURE_HEADER: signatures.sign(SECRETS[0], body, time.time())}

    notice = simulator.read_webhook(headers, body, time.time())

    assert notice.outcome.account == "acct_of_somebody_else"


def test_a_failed_charge_is_told_with_its_code_and_money(simulator):
    failure = {"code": "expired", "message": "the card expired"}
    body = event_of(uuid7(), status="failed", captured_amount=0, failure=failure)
    headers = {SIGNATURE_HEADER: signatures.sign(SECRETS[1], body, time.time())}

    outcome = simulator.read_webhook(headers, body, time.time()).outcome

    assert (outcome.kind, outcome.code, outcome.amount) == (OutcomeKind.DECLINED, "expired", AMOUNT)


def dispute_of(operation_id: object, **changed: Any) -> bytes:
    """Return an event about a dispute, with members of it changed or left out."""
    dispute = {
        "object": "dispute",
        "id": "dp_1",
        "account": ACCOUNT,
        "charge": "ch_1",
        "charge_reference": str(operation_id),
        "amount": AMOUNT,
        "currency": "INR",
        "reason": "fraudulent",
        "fee": None,
        "status": "open",
        **changed,
    }
    data = {key: value for key, value in dispute.items() if value != "left out"}
    return json.dumps({"id": "evt_1", "type": "dispute.opened", "data": data}).encode()


def read(simulator: Simulator, body: bytes) -> Any:
    headers = {SIGNATURE_HEADER: signatures.sign(SECRETS[0], body, time.time())}
    return simulator.read_webhook(headers, body, time.time())


@pytest.mark.parametrize(
    ("status", "said"),
    [("open", DisputeSaid.OPENED), ("won", DisputeSaid.WON), ("lost", DisputeSaid.LOST)],
)
@pytest.mark.parametrize("fee", [None, 15])
def test_a_dispute_is_told_with_its_charge_its_money_and_its_fee(simulator, status, said, fee):
    operation_id = uuid7()

    notice = read(simulator, dispute_of(operation_id, status=status, fee=fee))

    assert isinstance(notice, DisputeNotice)
    assert (notice.said, notice.fee, notice.reason) == (said, fee, "fraudulent")
    assert (notice.provider_id, notice.charge_reference) == ("dp_1", str(operation_id))
    assert (notice.amount, notice.currency, notice.account) == (AMOUNT, "INR", "")


def test_a_dispute_of_another_account_says_which(simulator):
    notice = read(simulator, dispute_of(uuid7(), account="acct_of_somebody_else"))

    assert notice.account == "acct_of_somebody_else"


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "planned"},
        {"status": None},
        {"id": "left out"},
        {"charge_reference": "left out"},
        {"amount": 0},
        {"amount": "1000"},
        {"fee": 0},
        {"fee": "15"},
        {"currency": None},
        {"reason": "x" * 256},
        {"account": None},
    ],
)
def test_a_dispute_that_is_none_we_know_is_not_read(simulator, changed):
    with pytest.raises(NoticeMalformed):
        read(simulator, dispute_of(uuid7(), **changed))
