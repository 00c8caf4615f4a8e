"""What the adapter to the simulator reads in a signed event, and what it does not."""

import time

import pytest

from core.ids import uuid7
from gateways import signatures
from gateways.base import NoticeMalformed, OutcomeKind
from gateways.providers.simulator import SIGNATURE_HEADER, Simulator
from tests.gateways.making import AMOUNT
from tests.gateways.simulated import SECRETS, event_of, options


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
