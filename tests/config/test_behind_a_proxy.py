"""Behind a proxy that ends TLS, the admin's forms and cookies are those of an https site."""

import os
import subprocess
import sys

import pytest

from tests.servers import ROOT

SAY = """
import django
django.setup()
from django.test import RequestFactory
from django.conf import settings
request = RequestFactory().post("/admin/login/", headers={"x-forwarded-proto": "https"})
print(request.scheme, settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE)
"""


@pytest.mark.parametrize(
    ("value", "said"),
    [("1", "https True True"), ("0", "http False False"), ("", "http False False")],
)
def test_its_word_counts_only_where_it_was_asked_for(value, said):
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "BEHIND_TLS_PROXY": value}

    done = subprocess.run(
        [sys.executable, "-c", SAY], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )

    assert done.stdout.split("\n")[-2] == said
