"""What must always be true of merchants, keys, stored answers and the audit log."""

from core.grants import (
    DJANGO_GRANTS,
    GRANTS,
    OPERATOR_DJANGO_GRANTS,
    OPERATOR_GRANTS,
)
from core.guards import Guard, append_only, rights_as_listed, triggers_in_force
from core.invariants import Invariant
from core.secrecy import no_card_numbers, no_secrets

GUARDS = [
    *(
        Guard(table, f"{table}_{name}", event, "core_refuse", has_condition=event == "UPDATE")
        for table, name, event in (
            ("core_merchant", "closed_for_good", "UPDATE"),
            ("core_merchant", "kept", "DELETE"),
            ("core_apikey", "revoked_for_good", "UPDATE"),
            ("core_apikey", "terms_fixed", "UPDATE"),
            ("core_apikey", "kept", "DELETE"),
        )
    ),
    *append_only("core_auditentry", "core_refuse"),
    Guard("core_auditentry", "core_auditentry_stamped", "INSERT", "core_stamp_audit"),
]

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
    Invariant(
        "core-audit-says-who-and-why",
        "every act of a person has somebody who did it, a subject and a reason",
        """
        SELECT id, actor, action, subject_id FROM core_auditentry
        WHERE '' IN (trim(actor), trim(action), trim(subject_id), trim(reason))
        """,
    ),
    Invariant(
        "core-at-rest-no-key-is-locked",
        "at rest no transaction holds an idempotency key",
        """
        SELECT l.pid, l.classid, l.objid FROM pg_locks l
        JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
        -- A key's number fills all of 64 bits; the others that are taken are small.
        WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.classid::bigint <> 0
        """,
        quiescent=True,
    ),
    no_card_numbers("core", ["core_merchant", "core_idempotencyrecord", "core_auditentry"]),
    no_secrets("core", ["core_merchant", "core_apikey", "core_auditentry"]),
    triggers_in_force("core", GUARDS),
    rights_as_listed("core", GRANTS, OPERATOR_GRANTS),
    rights_as_listed("django", DJANGO_GRANTS, OPERATOR_DJANGO_GRANTS),
]
