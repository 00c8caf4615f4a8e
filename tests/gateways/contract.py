"""What every gateway must do. An adapter's test module subclasses these and says how to reach it.

``GatewayContract`` is the whole of it: give ``secrets``, ``entry``, ``signed``, ``success_body``,
``count_effects`` and a payment method that succeeds and one that is declined.
"""

from dataclasses import replace
from typing import ClassVar
from uuid import UUID

from core.ids import uuid7
from gateways.base import Charge, Found, Gateway, NotFound, OutcomeKind, Send
from tests.gateways.making import (
    AMOUNT,
    a_capture,
    a_charge,
    a_refund,
    a_void,
    asking_for,
    in_time,
)
from tests.gateways.webhook_contract import WebhookContract


class MoneyContract(WebhookContract):
    """What a gateway does with money."""

    success_method: ClassVar[str]

    def count_effects(self, operation_id: UUID) -> int:
        """Count what happened for an operation, on the provider's own side."""
        raise NotImplementedError

    def test_a_charge_succeeds_and_echoes_its_amount_in_minor_units(self, gateway):
        charge = a_charge(self.success_method)

        outcome = gateway.charge(charge, in_time())

        assert outcome.kind is OutcomeKind.SUCCEEDED
        assert (outcome.amount, outcome.currency) == (AMOUNT, "INR")
        assert outcome.provider_id
        assert self.count_effects(charge.operation_id) == 1

    def test_the_same_key_again_gives_the_same_object_and_no_second_effect(self, gateway):
        charge = a_charge(self.success_method)

        first = gateway.charge(charge, in_time())
        second = gateway.charge(charge, in_time())

        assert second.kind is OutcomeKind.SUCCEEDED
        assert second.provider_id == first.provider_id
        assert self.count_effects(charge.operation_id) == 1

    def test_a_refund_gives_money_back_once(self, gateway):
        charge = a_charge(self.success_method)
        charged = gateway.charge(charge, in_time())
        refund = a_refund(charge, amount=400, charge_provider_id=charged.provider_id)

        first = gateway.refund(refund, in_time())
        second = gateway.refund(refund, in_time())

        assert first.kind is OutcomeKind.SUCCEEDED
        assert (first.amount, first.currency) == (400, "INR")
        assert second.provider_id == first.provider_id
        assert self.count_effects(refund.operation_id) == 1

    def test_more_than_the_charge_is_never_given_back(self, gateway):
        charge = a_charge(self.success_method)
        charged = gateway.charge(charge, in_time())
        part = a_refund(charge, amount=600, charge_provider_id=charged.provider_id)
        gateway.refund(part, in_time())

        other = replace(part, operation_id=uuid7(), key="another-key", amount=401)
        outcome = gateway.refund(other, in_time())

        assert outcome.kind is OutcomeKind.DECLINED
        assert self.count_effects(other.operation_id) == 0

    def test_what_was_done_is_found_by_our_reference(self, gateway):
        charge = a_charge(self.success_method)
        charged = gateway.charge(charge, in_time())
        refund = a_refund(charge, charge_provider_id=charged.provider_id)
        refunded = gateway.refund(refund, in_time())

        assert gateway.find(asking_for(charge), in_time()) == Found(charged)
        assert gateway.find(asking_for(refund), in_time()) == Found(refunded)

    def test_what_was_never_asked_is_not_found_and_asking_does_nothing(self, gateway):
        charge = a_charge(self.success_method)

        assert gateway.find(asking_for(charge), in_time()) == NotFound()
        assert self.count_effects(charge.operation_id) == 0

    def held(self, gateway: Gateway) -> tuple[Charge, str]:
        """Have money held, and return the charge with the provider's id of it."""
        charge = a_charge(self.success_method, captures=False)
        outcome = gateway.charge(charge, in_time())
        assert outcome.kind is OutcomeKind.SUCCEEDED
        assert (outcome.amount, outcome.currency) == (AMOUNT, "INR")
        return charge, outcome.provider_id

    def count_all(self, *requests: Send) -> int:
        return sum(self.count_effects(one.operation_id) for one in requests)

    def test_what_is_held_moves_no_money(self, gateway):
        charge, _ = self.held(gateway)

        assert self.count_effects(charge.operation_id) == 0
        found = gateway.find(asking_for(charge), in_time())
        assert (found.outcome.kind, found.besides) == (OutcomeKind.SUCCEEDED, ())

    def test_a_part_of_what_is_held_is_taken_once(self, gateway):
        charge, provider_id = self.held(gateway)
        capture = a_capture(charge, amount=400, charge_provider_id=provider_id)

        first = gateway.capture(capture, in_time())
        second = gateway.capture(capture, in_time())

        assert first.kind is second.kind is OutcomeKind.SUCCEEDED
        assert (first.amount, first.currency) == (400, "INR")
        assert second.provider_id == first.provider_id
        assert self.count_all(charge, capture) == 1
        assert gateway.find(asking_for(capture), in_time()).outcome == first

    def test_what_was_taken_is_neither_taken_again_nor_let_go(self, gateway):
        charge, provider_id = self.held(gateway)
        capture = a_capture(charge, amount=400, charge_provider_id=provider_id)
        gateway.capture(capture, in_time())
        again = a_capture(charge, amount=400, charge_provider_id=provider_id)
        void = a_void(charge, charge_provider_id=provider_id)

        assert gateway.capture(again, in_time()).kind is OutcomeKind.DECLINED
        assert gateway.void(void, in_time()).kind is OutcomeKind.DECLINED
        assert self.count_all(charge, capture, again, void) == 1

    def test_more_than_is_held_is_not_taken(self, gateway):
        charge, provider_id = self.held(gateway)
        capture = a_capture(charge, amount=AMOUNT + 1, charge_provider_id=provider_id)

        assert gateway.capture(capture, in_time()).kind is OutcomeKind.DECLINED
        assert self.count_all(charge, capture) == 0

    def test_what_is_let_go_is_not_taken_any_more(self, gateway):
        charge, provider_id = self.held(gateway)
        void = a_void(charge, charge_provider_id=provider_id)
        capture = a_capture(charge, charge_provider_id=provider_id)

        first = gateway.void(void, in_time())
        second = gateway.void(void, in_time())

        assert first.kind is second.kind is OutcomeKind.SUCCEEDED
        assert (first.amount, first.currency) == (AMOUNT, "INR")
        assert gateway.find(asking_for(void), in_time()).outcome == first
        assert gateway.capture(capture, in_time()).kind is OutcomeKind.DECLINED
        assert self.count_all(charge, void, capture) == 0

    def test_no_more_than_was_taken_is_given_back(self, gateway):
        charge, provider_id = self.held(gateway)
        gateway.capture(a_capture(charge, amount=400, charge_provider_id=provider_id), in_time())
        refund = a_refund(charge, amount=401, charge_provider_id=provider_id)

        assert gateway.refund(refund, in_time()).kind is OutcomeKind.DECLINED

    def test_a_capture_that_was_never_asked_is_not_found(self, gateway):
        charge, provider_id = self.held(gateway)
        capture = a_capture(charge, charge_provider_id=provider_id)

        assert isinstance(gateway.find(asking_for(capture), in_time()), NotFound)
        assert self.count_all(charge, capture) == 0


class GatewayContract(MoneyContract):
    """What a whole gateway does: everything above, and it can say no."""

    decline_method: ClassVar[str]

    def test_a_decline_is_an_outcome_with_a_code_and_has_no_effect(self, gateway):
        charge = a_charge(self.decline_method)

        outcome = gateway.charge(charge, in_time())

        assert outcome.kind is OutcomeKind.DECLINED
        assert outcome.code
        assert self.count_effects(charge.operation_id) == 0
