from gateways.base import OutcomeKind
from gateways.providers.mock_success import MockSuccess
from tests.gateways.contract import MoneyContract
from tests.gateways.making import a_charge, effects, in_time
from tests.gateways.mocking import Mocking


class TestMockSuccess(Mocking, MoneyContract):
    class_path = "gateways.providers.mock_success.MockSuccess"

    success_method = "anything"

    def test_it_never_declines(self, gateway):
        outcome = gateway.charge(a_charge("tok_decline_do_not_honor"), in_time())

        assert outcome.kind is OutcomeKind.SUCCEEDED


def test_without_keys_the_same_operation_twice_is_charged_twice(database):
    gateway = MockSuccess(database=database, keys=False)
    charge = a_charge()

    gateway.charge(charge, in_time())
    gateway.charge(charge, in_time())

    assert effects(database, charge.operation_id) == [("charge", 1_000, "INR")] * 2
