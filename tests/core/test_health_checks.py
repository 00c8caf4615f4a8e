"""How often a connection is asked whether it is alive."""

from contextlib import closing

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from core.db import rows
from core.postgresql import base


@pytest.fixture(autouse=True)
def _new_connection(committed_db):
    connection.close()


@pytest.fixture
def asked(monkeypatch):
    """Count the questions, which are asked all the same."""
    questions = []
    ask = base.DatabaseWrapper.is_usable

    def counted(self):
        questions.append(self.alias)
        return ask(self)

    monkeypatch.setattr(base.DatabaseWrapper, "is_usable", counted)
    return questions


def request():
    """Do what Django does around a request, with one statement in it."""
    connection.close_if_unusable_or_obsolete()
    with CaptureQueriesContext(connection) as captured:
        rows("SELECT 1")
    return len(captured)


def die(database):
    (pid,) = rows("SELECT pg_backend_pid()")[0]
    with closing(database.connect()) as same_role, same_role, same_role.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])


def test_a_busy_connection_is_asked_once(asked):
    for _ in range(5):
        request()

    assert len(asked) <= 1


def test_one_that_rested_is_asked_again(asked, monkeypatch):
    monkeypatch.setattr(base, "ASKED_EVERY_SECONDS", 0.0)
    rows("SELECT 1")

    for _ in range(3):
        request()

    assert len(asked) == 3


def test_one_that_died_while_it_rested_is_replaced(committed_db, monkeypatch):
    monkeypatch.setattr(base, "ASKED_EVERY_SECONDS", 0.0)
    request()
    die(committed_db)

    assert request() == 1


def test_one_that_died_while_it_was_busy_costs_one_request(committed_db):
    request()
    request()
    die(committed_db)

    with pytest.raises(OperationalError):
        request()
    request()
