"""What each magic value of a payment does to its refunds."""

import time

import pytest

from core.ids import uuid7
from gateways.base import AnswerLost, Found, NotSent, OutcomeKind
from gateways.mocks import tokens
from gateways.providers.mock import Mock
from tests.gateways.making import AMOUNT, a_charge, a_refund, asking_for, effects, in_time

ONE_CHARGE = [("charge", AMOUNT, "INR")]


@pytest.fixture
def mock(database) -> Mock:
    return Mock(database=database)


@pytest.mark.parametrize(
    ("payment_method", "kind"),
    [
        ("tok_refund_fails", OutcomeKind.DECLINED),
        ("tok_refund_pending", OutcomeKind.PENDING),
        ("tok_refund_pending_fails", OutcomeKind.PENDING),
        ("tok_success", OutcomeKind.SUCCEEDED),
    ],
)
def test_a_refund_follows_the_value_its_charge_was_paid_with(mock, payment_method, kind):
    charge = a_charge(payment_method)
    charged = mock.charge(charge, in_time())

    outcome = mock.refund(a_refund(charge), in_time())

    assert charged.kind is OutcomeKind.SUCCEEDED
    assert outcome.kind is kind


def test_a_pending_refund_settles_when_due(mock, database):
    charges = [a_charge("tok_refund_pending"), a_charge("tok_refund_pending_fails")]
    refunds = [a_refund(charge) for charge in charges]
    for charge, refund in zip(charges, refunds, strict=True):
        mock.charge(charge, in_time())
        mock.refund(refund, in_time())
    time.sleep(tokens.PENDING_SECONDS + 0.05)

    found = [mock.find(asking_for(refund), in_time()) for refund in refunds]

    assert all(isinstance(finding, Found) for finding in found)
    assert [finding.outcome.kind for finding in found] == [
        OutcomeKind.SUCCEEDED,
        OutcomeKind.DECLINED,
    ]
    assert [len(effects(database, refund.operation_id)) for refund in refunds] == [1, 0]


def test_a_refund_whose_answer_was_lost_happened_once(mock, database):
    charge = a_charge("tok_refund_answer_lost")
    mock.charge(charge, in_time())
    refund = a_refund(charge)

    with pytest.raises(AnswerLost):
        mock.refund(refund, in_time())
    again = mock.refund(refund, in_time())

    assert again.kind is OutcomeKind.SUCCEEDED
    assert len(effects(database, refund.operation_id)) == 1


def test_an_unavailable_refund_did_nothing_and_works_later(mock):
    charge = a_charge("tok_refund_unavailable_once")
    mock.charge(charge, in_time())
    refund = a_refund(charge)

    with pytest.raises(NotSent):
        mock.refund(refund, in_time())

    assert mock.refund(refund, in_time()).kind is OutcomeKind.SUCCEEDED


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"charge_operation_id": uuid7()}, "charge_not_found"),
        ({"currency": "USD"}, "currency_differs"),
        ({"amount": AMOUNT + 1}, "refund_exceeds_charge"),
    ],
)
def test_a_refund_that_does_not_fit_its_charge_is_declined(mock, database, changed, code):
    charge = a_charge()
    mock.charge(charge, in_time())

    outcome = mock.refund(a_refund(charge, **changed), in_time())

    assert (outcome.kind, outcome.code) == (OutcomeKind.DECLINED, code)
    assert effects(database) == ONE_CHARGE
