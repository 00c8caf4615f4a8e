import logging
from collections.abc import Iterator
from io import StringIO

import pytest
from django.test import Client

from core.logging import configure


@pytest.fixture
def client(settings, tmp_path) -> Client:
    settings.ROOT_URLCONF = "tests.core.urls"
    settings.STATIC_ROOT = str(tmp_path)
    return Client()


@pytest.fixture
def lines() -> Iterator[StringIO]:
    """Collect what this process logs."""
    root = logging.getLogger()
    before = root.handlers
    stream = StringIO()
    configure(stream)
    yield stream
    root.handlers = before
