"""A receiver of webhooks that may be named."""

from urllib.parse import urlsplit

import pytest

from tests.webhooks.sinks import a_sink

# A host that may be named, where nothing listens.
SILENT = "http://127.0.0.1:1/"


@pytest.fixture
def sink(settings):
    with a_sink() as made:
        settings.WEBHOOK_TEST_HOSTS = frozenset({made.host, urlsplit(SILENT).netloc})
        yield made
