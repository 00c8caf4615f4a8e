"""A provider that says yes to everything."""

from gateways.providers.mock_provider import MockProvider


class MockSuccess(MockProvider):
    """Every charge succeeds, and every refund that fits its charge."""
