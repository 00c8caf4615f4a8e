"""One real run, with all who took part in it gone: its three stories are what tests tamper with."""

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from psycopg2.extensions import connection as Connection

from tests import servers
from tests.crash import books, simulated
from tests.crash.merchants import Merchants
from tests.crash.stack import SHORT_LEASES, Stack
from tests.outside import gathering
from tests.outside.journal import Journal

CHARGES = (
    *("success", "success", "success", "decline_expired", "pending_success", "drop_after"),
    *("error_stored", "captured_twice", "webhook_twice", "webhook_forged", "success"),
    *("dispute_opened", "dispute_won", "dispute_lost"),
)
REVIEWED = "UPDATE payments_payment SET needs_review = false, review_reason = ''"


@dataclass(frozen=True, slots=True)
class Story:
    """What is left of a run."""

    stack: Stack
    journal: Path

    @property
    def owner_url(self) -> str:
        return self.stack.databases.url(self.stack.database, owner=True)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Story]:
    """Give what is left of a run in which charges and refunds met faults, and all was settled."""
    folder = tmp_path_factory.mktemp("outside")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(servers.ROOT)
        monkeypatch.setitem(os.environ, "WEB_WORKERS", "1")
        stack = Stack(folder, servers.DATABASES, **SHORT_LEASES)
        try:
            yield Story(stack, _lived(stack, folder / "journal.jsonl"))
        finally:
            stack.close()


def _lived(stack: Stack, path: Path) -> Path:
    done = stack.manage("seed_demo", "--in-production")
    assert done.returncode == 0, done.stderr
    stack.start("broker")
    stack.start("simulator", "web", "dispatcher", "worker")
    with closing(Journal(path)) as journal:
        merchants = Merchants(stack, journal)
        bodies = [{"gateway": "simulator", "payment_method": f"sim_{one}"} for one in CHARGES]
        paid = [merchants.pay(key=f"pay-{n}", **body) for n, body in enumerate(bodies)]
        merchants.pay(key="pay-0", **bodies[0])
        stack.until("money moved twice", lambda: _is_surplus_booked(stack), 30)
        stack.rows(REVIEWED)
        books.settle(stack)
        for payment in (paid[0], paid[1]):
            merchants.refund(payment, key=f"part-{payment}", amount=300)
        merchants.refund(paid[2], key=f"rest-{paid[2]}")
        books.settle(stack)
        planned = "SELECT 1 FROM sim_dispute WHERE due_at IS NOT NULL"
        stack.until("all disputes", lambda: not simulated.ask(stack, planned), 30)
        waiting = "SELECT 1 FROM sim_letter WHERE delivered_at IS NULL AND given_up_at IS NULL"
        stack.until("all webhooks", lambda: not simulated.ask(stack, waiting), 30)
        books.settle(stack)
    for name in ("worker", "dispatcher", "web", "simulator"):
        stack.stop(name)
    return path


def _is_surplus_booked(stack: Stack) -> bool:
    return bool(stack.rows("SELECT 1 FROM ledger_transaction WHERE kind = 'surplus.captured'"))


@pytest.fixture
def told(story: Story) -> list[gathering.Table]:
    """Give what the simulator and the merchants tell, to be tampered with."""
    return [
        *gathering.of_journal(story.journal),
        *gathering.of_simulator(story.stack.simulator_db),
    ]


@pytest.fixture
def ours(story: Story) -> Iterator[Connection]:
    """Connect to our books as their owner, with nothing in its way; what is written goes."""
    with closing(servers.connect(story.owner_url)) as connection, connection.cursor() as cursor:
        for table in ("ledger_transaction", "ledger_transfer", "payments_payment",
                      "payments_refund", "payments_operation", "payments_dispute",
                      "webhooks_providerevent",
                      "core_idempotencyrecord"):  # fmt: skip
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield connection
