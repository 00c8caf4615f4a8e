"""What must always be true of merchants, keys and stored answers."""

from core.grants import (
    DJANGO_GRANTS,
    GRANTS,
    OPERATOR_DJANGO_GRANTS,
    OPERATOR_GRANTS,
)
from core.guards import rights_as_listed
from core.invariants import Invariant

INVARIANTS: list[Invariant] = [
    Invariant(
        "core-one-answer-per-key",
        "an idempotency key of a merchant and mode has one answer",
        """
        SELECT merchant_id, mode, key, count(*) FROM core_idempotencyrecord
        GROUP BY merchant_id, mode, key HAVING count(*) > 1
        """,
    ),
    Invariant(
        "core-answers-made-something",
        "a stored success names what it made, and no failure of ours is stored",
        """
        SELECT id, status, resource_id FROM core_idempotencyrecord
        WHERE status >= 500 OR (status < 300) <> (resource_id IS NOT NULL)
        """,
    ),
    rights_as_listed("core", GRANTS, OPERATOR_GRANTS),
    rights_as_listed("django", DJANGO_GRANTS, OPERATOR_DJANGO_GRANTS),
]
