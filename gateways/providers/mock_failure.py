"""A provider that says no to everything."""

from gateways.mocks import tokens
from gateways.mocks.provider import MockProvider
from gateways.mocks.tokens import Script


class MockFailure(MockProvider):
    """Every charge is declined, so there is nothing to refund either."""

    def charge_script(self, payment_method: str) -> Script:
        """Decline."""
        return tokens.decline("card_declined")
