"""Old keys go, and the role that serves may make them go."""

from datetime import timedelta
from uuid import UUID

from core import idempotency
from core.ids import smallest_uuid7
from core.models import IdempotencyRecord, Merchant

MONTH = timedelta(days=30)
# 2001-09-09
LONG_AGO = smallest_uuid7(1_000_000_000)


def record(owner, key: str, id_: UUID, age: timedelta) -> None:
    """Store a record of this age, as only the owner can: the clock is the database's."""
    with owner.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_idempotencyrecord"
            " (id, merchant_id, mode, key, fingerprint, status, location, body, created_at)"
            " SELECT %s, id, 'test', %s, '', 201, '', '', now() - %s FROM core_merchant",
            [str(id_), key, age],
        )
    owner.commit()


def test_the_serving_role_deletes_what_is_too_old_and_nothing_else(committed_db, owner):
    Merchant.objects.create(name="one", default_gateway="mock")
    record(owner, "old", LONG_AGO, MONTH + timedelta(minutes=1))
    record(owner, "young", smallest_uuid7(1_000_000_001), MONTH - timedelta(minutes=1))

    pruned = idempotency.prune(MONTH)

    assert pruned == 1
    assert [kept.key for kept in IdempotencyRecord.objects.all()] == ["young"]
