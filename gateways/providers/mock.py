"""A provider whose answer is chosen for each payment by its ``payment_method``."""

from gateways.mocks import tokens
from gateways.mocks.provider import MockProvider
from gateways.mocks.tokens import Script


class Mock(MockProvider):
    """Plays the scripts of ``gateways.mocks.tokens``; a value it does not know succeeds."""

    def charge_script(self, payment_method: str) -> Script:
        """Choose by the value itself."""
        disputed = tokens.DISPUTES.get(payment_method, tokens.SUCCESS)
        return tokens.CHARGES.get(payment_method, disputed)

    def capture_script(self, payment_method: str) -> Script:
        """Choose by the value of the charge; what is held first is disputed once it is captured."""
        disputed = tokens.DISPUTES.get(payment_method, tokens.SUCCESS)
        return tokens.CAPTURES.get(payment_method, disputed)

    def void_script(self, payment_method: str) -> Script:
        """Choose by the value of the charge."""
        return tokens.VOIDS.get(payment_method, tokens.SUCCESS)

    def refund_script(self, payment_method: str) -> Script:
        """Choose by the value of the charge."""
        return tokens.REFUNDS.get(payment_method, tokens.SUCCESS)
