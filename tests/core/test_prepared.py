"""A statement is planned once for a connection, and goes on where it cannot be."""

import pytest
from django.db import DatabaseError, OperationalError, connection
from django.db.transaction import set_rollback

from core.db import named_row, rows, transaction
from core.prepared import Prepared, _pooled

SUM = Prepared("sum", "SELECT %(left)s::int + %(right)s AS sum, %(left)s::text || '%%' AS text")


def names():
    return [name for (name,) in rows("SELECT name FROM pg_prepared_statements")]


@pytest.fixture(autouse=True)
def _new_connection(committed_db):
    connection.close()
    yield
    _pooled.clear()


def test_a_row_comes_back_by_name():
    assert named_row(SUM, {"left": 40, "right": 2}) == {"sum": 42, "text": "40%"}


def test_a_connection_prepares_it_once():
    for number in range(3):
        named_row(SUM, {"left": number, "right": 1})

    assert names() == [SUM.name]


def test_a_new_connection_prepares_it_anew():
    named_row(SUM, {"left": 1, "right": 1})
    connection.close()

    assert named_row(SUM, {"left": 1, "right": 1})["sum"] == 2
    assert names() == [SUM.name]


def test_another_text_has_another_name():
    assert Prepared("sum", "SELECT 1").name != SUM.name


def test_a_pooler_that_changed_the_server_connection_costs_no_answer():
    named_row(SUM, {"left": 1, "right": 1})
    rows("DEALLOCATE ALL")

    assert named_row(SUM, {"left": 2, "right": 2})["sum"] == 4
    assert named_row(SUM, {"left": 3, "right": 3})["sum"] == 6
    assert names() == []


def test_a_pooler_whose_server_connection_has_it_costs_no_answer():
    rows(f"PREPARE {SUM.name} AS SELECT 'something else'")

    assert named_row(SUM, {"left": 2, "right": 2})["sum"] == 4


def test_inside_a_transaction_a_pooler_is_an_error_and_not_half_a_transaction():
    named_row(SUM, {"left": 1, "right": 1})

    with transaction():
        rows("DEALLOCATE ALL")
        with pytest.raises(OperationalError, match="does not exist"):
            named_row(SUM, {"left": 1, "right": 1})
        set_rollback(True)


def test_a_pooler_that_was_met_inside_a_transaction_is_met_once():
    with transaction():
        rows(f"PREPARE {SUM.name} AS SELECT 'something else'")
        with pytest.raises(OperationalError, match="already exists"):
            named_row(SUM, {"left": 1, "right": 1})
        set_rollback(True)
    connection.close()

    with transaction():
        assert named_row(SUM, {"left": 1, "right": 1})["sum"] == 2
    assert names() == []


def test_an_error_of_the_statement_itself_is_raised_once():
    divide = Prepared("divide", "SELECT 1 / %(by)s::int AS result")

    with pytest.raises(DatabaseError, match="division by zero"):
        named_row(divide, {"by": 0})

    assert named_row(divide, {"by": 1}) == {"result": 1}
    assert names() == [divide.name]
