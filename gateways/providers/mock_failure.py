"""A provider that says no to everything."""

from gateways.providers import mock_tokens
from gateways.providers.mock_provider import MockProvider
from gateways.providers.mock_tokens import Script


class MockFailure(MockProvider):
    """Every charge is declined, so there is nothing to refund either."""

    def charge_script(self, payment_method: str) -> Script:
        """Decline."""
        return mock_tokens.decline("card_declined")
