import pytest
from django.test import Client


@pytest.fixture
def client(settings, tmp_path) -> Client:
    settings.ROOT_URLCONF = "tests.core.urls"
    settings.STATIC_ROOT = str(tmp_path)
    return Client()
