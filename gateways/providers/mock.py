"""A provider whose answer is chosen for each payment by its ``payment_method``."""

from gateways.providers import mock_tokens
from gateways.providers.mock_provider import MockProvider
from gateways.providers.mock_tokens import Script


class Mock(MockProvider):
    """Plays the scripts of ``mock_tokens``; a value it does not know succeeds."""

    def charge_script(self, payment_method: str) -> Script:
        """Choose by the value itself."""
        return mock_tokens.CHARGES.get(payment_method, mock_tokens.SUCCESS)

    def refund_script(self, payment_method: str) -> Script:
        """Choose by the value of the charge."""
        return mock_tokens.REFUNDS.get(payment_method, mock_tokens.SUCCESS)
