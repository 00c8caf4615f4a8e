"""Somebody to sit at the desk of a demo."""

import os
import subprocess
import sys

import pytest
from django.contrib.auth.models import User

from core.db import acting_as
from tests.servers import ROOT


@pytest.fixture
def seed(committed_db):
    """Run the command as `make up` does: in a process of its own, as the owner."""

    def run(password):
        env = {**os.environ, **committed_db.env, "DEBUG": "1", "DEMO_OPERATOR_PASSWORD": password}
        command = [sys.executable, "manage.py", "seed_demo"]
        done = subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, check=True
        )
        return done.stdout + done.stderr

    return run


def test_nobody_is_made_without_a_password(seed):
    seed("")

    with acting_as("operator"):
        assert not User.objects.exists()


def test_one_is_made_once_and_keeps_their_own_password(seed):
    said = seed("only-for-the-desk") + seed("another")

    with acting_as("operator"):
        operator = User.objects.get()
    assert (operator.username, operator.is_superuser) == ("operator", True)
    assert operator.check_password("only-for-the-desk")
    assert said.count("demo operator") == 1
    assert "only-for-the-desk" not in said
