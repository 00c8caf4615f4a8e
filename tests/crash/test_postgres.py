"""PostgreSQL may die in the middle of load: nothing that was answered is lost."""

from collections.abc import Iterator

import pytest

from config.stack.problem import StackProblem
from tests import servers
from tests.crash import books
from tests.crash.merchants import Merchants
from tests.crash.mortal import Mortal

PAYMENTS = 300


@pytest.fixture
def mortal(tmp_path, monkeypatch) -> Iterator[Mortal]:
    monkeypatch.chdir(servers.ROOT)
    monkeypatch.delenv("DATABASE_URL")
    databases = Mortal(tmp_path)
    try:
        databases.start()
    except StackProblem as problem:
        pytest.skip(str(problem))
    yield databases
    databases.stop()


def test_a_killed_database_comes_back_and_everything_settles(mortal, begin):
    stack = begin("web", "dispatcher", "worker", databases=mortal)
    merchants = Merchants(stack)
    tokens = ("tok_success", "tok_decline_expired", "tok_answer_lost")
    bodies = [{"payment_method": tokens[number % 3]} for number in range(PAYMENTS)]
    with merchants.paying(bodies) as futures:
        for done in (50, 200):
            stack.until("some answers", lambda done=done: len(merchants.promised) >= done, 30)
            mortal.crash()
    assert all(future.result() for future in futures)

    books.settle(stack)
    books.check(stack, merchants)
    assert merchants.retries > 0
    assert stack.value("SELECT count(*) FROM payments_payment") == PAYMENTS
