from gateways.base import Found, OutcomeKind
from tests.gateways.making import a_charge, a_refund, asking_for, in_time
from tests.gateways.mocking import Mocking
from tests.gateways.webhook_contract import WebhookContract


class TestMockFailure(Mocking, WebhookContract):
    class_path = "gateways.providers.mock_failure.MockFailure"

    def test_every_charge_is_declined_without_effect(self, gateway):
        charge = a_charge("tok_success")

        outcome = gateway.charge(charge, in_time())

        assert (outcome.kind, outcome.code) == (OutcomeKind.DECLINED, "card_declined")
        assert gateway.find(asking_for(charge), in_time()) == Found(outcome)
        assert self.count_effects(charge.operation_id) == 0

    def test_there_is_nothing_to_refund(self, gateway):
        charge = a_charge()
        gateway.charge(charge, in_time())
        refund = a_refund(charge)

        outcome = gateway.refund(refund, in_time())

        assert (outcome.kind, outcome.code) == (OutcomeKind.DECLINED, "charge_not_found")
        assert self.count_effects(refund.operation_id) == 0
