"""A provider that says yes to everything."""

from gateways.mocks.provider import MockProvider


class MockSuccess(MockProvider):
    """Every charge succeeds, and every refund that fits its charge."""
