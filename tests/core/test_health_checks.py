"""How often a connection is asked whether it is alive."""

import select
from contextlib import closing

import pytest
from django.db import connection
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
    driver = connection.connection
    with closing(database.connect()) as same_role, same_role, same_role.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    arrives(driver)


def test_one_that_does_not_rest_for_long_is_not_asked(asked):
    request()
    asked.clear()

    for _ in range(5):
        request()

    assert asked == []


def test_one_that_rested_is_asked_again(asked, monkeypatch):
    monkeypatch.setattr(base, "RESTED_SECONDS", 0.0)
    rows("SELECT 1")

    for _ in range(3):
        request()

    assert len(asked) == 3


def test_one_that_died_while_it_rested_is_replaced(committed_db, monkeypatch):
    monkeypatch.setattr(base, "RESTED_SECONDS", 0.0)
    request()
    die(committed_db)

    assert request() == 1


def test_one_that_died_a_moment_ago_is_replaced(committed_db):
    request()
    request()
    die(committed_db)

    assert request() == 1


def test_one_that_the_server_has_told_something_is_kept(committed_db):
    request()
    (before,) = rows("SELECT pg_backend_pid()")[0]
    rows("LISTEN said")
    with closing(committed_db.connect()) as other, other, other.cursor() as cursor:
        cursor.execute("NOTIFY said")
    arrives(connection.connection)

    assert request() == 1

    assert rows("SELECT pg_backend_pid()") == [(before,)]


def arrives(driver):
    assert select.select([driver], [], [], 10)[0], "nothing came"
