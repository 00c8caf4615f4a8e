"""A receiver of webhooks that may be named."""

import pytest

from tests.webhooks.sinks import a_sink


@pytest.fixture
def sink(settings):
    with a_sink() as made:
        settings.WEBHOOK_TEST_HOSTS = frozenset({made.host})
        yield made
