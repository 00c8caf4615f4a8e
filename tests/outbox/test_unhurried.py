"""What need not be on the disk before it is answered, and what must be."""

from contextlib import closing
from datetime import timedelta

import pytest
from django.db import connection

from core.db import rows, transaction
from outbox import delivery
from tests.outbox.planting import claim, plant

LEASE = timedelta(seconds=20)


def waits_for_the_disk():
    return rows("SHOW synchronous_commit")[0][0]


@pytest.fixture(autouse=True)
def _hurried(committed_db):
    """Wait for the disk by default, as a server that serves does."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
    yield
    connection.close()


@pytest.mark.parametrize(
    "act",
    [
        claim,
        lambda: delivery.start_locally(claim(), kinds=["charge"], worker="host:1", lease=LEASE),
    ],
    ids=["claim", "local start"],
)
def test_only_its_own_transaction_does_not_wait(act):
    plant(3)

    with transaction():
        assert len(act()) == 3
        assert waits_for_the_disk() == "off"
    assert waits_for_the_disk() == "on"


def test_it_is_there_for_everybody_at_once(committed_db):
    plant()
    (ticket,) = claim()
    delivery.start_locally([ticket], kinds=["charge"], worker="host:1", lease=LEASE)

    with closing(committed_db.connect()) as other, other.cursor() as cursor:
        cursor.execute("SELECT epoch, worker FROM outbox_message")
        assert cursor.fetchall() == [(1, "host:1")]
