"""One way, or several, to break each invariant in a database in which a day went by.

A value is the SQL that does the damage, and the other invariants that the same damage breaks.
"""

from typing import NamedTuple


class Damage(NamedTuple):
    """SQL, run with triggers off and without constraints, and what else it breaks."""

    sql: str
    also: tuple[str, ...] = ()


def first(table: str, where: str) -> str:
    return f"(SELECT id FROM {table} WHERE {where} ORDER BY id LIMIT 1)"


PLAIN = first(
    "payments_payment", "status = 'SUCCESS' AND amount_refunded = 0 AND gateway = 'mock_success'"
)
PARTLY = first("payments_payment", "status = 'SUCCESS' AND amount_refunded > 0")
REFUNDED = first("payments_payment", "status = 'REFUNDED'")
FAILED = first("payments_payment", "status = 'FAILED'")
DOUBTED = first("payments_payment", "status = 'PROCESSING'")
FAILED_REFUND = first("payments_refund", "status = 'FAILED'")
DONE = first("outbox_message", "state = 8 AND starts > 0")


def charge(payment: str) -> str:
    return first("payments_operation", f"kind = 'charge' AND payment_id = {payment}")


def booking(kind: str, source: str) -> str:
    return first("ledger_transaction", f"kind = '{kind}' AND source_id = {source}")


def copy(table: str, where: str, **changed: str) -> str:
    """Return the statement that inserts a copy of a row with another id, and other values."""
    members = ", ".join(f"'{name}', {value}" for name, value in changed.items())
    return f"""
        INSERT INTO {table} SELECT (jsonb_populate_record(t, jsonb_build_object(
            'id', gen_random_uuid() {", " + members if members else ""}))).*
        FROM {table} t WHERE {where} LIMIT 1
    """


OLD = "UPDATE payments_attempt SET answered_at = now() - interval '1 hour'"
SUCCEEDED_AFTER_ALL = copy(
    "payments_attempt",
    f"operation_id = {charge(FAILED)}",
    kind="'ask'",
    message_id="gen_random_uuid()",
    outcome="'succeeded'",
    amount="300",
    currency="'INR'",
)
UNREVIEWED = "UPDATE payments_payment SET needs_review = false"
OPEN_AT_REST = ("payments-at-rest-no-message-waits", "payments-at-rest-operations-settled")

OF_CORE = {
    "core-one-answer-per-key": [Damage(copy("core_idempotencyrecord", "status = 201"))],
    "core-answers-made-something": [
        Damage("UPDATE core_idempotencyrecord SET status = 503 WHERE status = 422"),
        Damage("UPDATE core_idempotencyrecord SET status = 201 WHERE status = 422"),
    ],
}
OF_OUTBOX = {
    "outbox-leases-only-in-flight": [
        Damage(f"UPDATE outbox_message SET lease_until = now() WHERE id = {DONE}"),
        Damage(f"UPDATE outbox_message SET job = gen_random_uuid() WHERE id = {DONE}"),
    ],
    "outbox-starts-within-epochs": [
        Damage(f"UPDATE outbox_message SET starts = epoch + 1 WHERE id = {DONE}")
    ],
    "outbox-started-means-counted": [
        Damage(f"UPDATE outbox_message SET worker = '' WHERE id = {DONE}")
    ],
    "outbox-over-has-an-end": [
        Damage(f"UPDATE outbox_message SET finished_at = NULL WHERE id = {DONE}"),
        Damage("UPDATE outbox_message SET finished_at = now() WHERE state = 0"),
    ],
    "outbox-one-active-per-subject": [Damage(copy("outbox_message", "state = 0"))],
    "outbox-one-alone-in-flight": [
        Damage(
            ";".join(
                [
                    copy(
                        "outbox_message",
                        "state = 0",
                        subject_id="gen_random_uuid()",
                        state="1",
                        alone="true",
                        lease_until="now()",
                        job="gen_random_uuid()",
                    )
                ]
                * 2
            ),
            ("outbox-at-rest-nothing-in-flight", "payments-at-rest-no-message-waits"),
        )
    ],
    "outbox-lapses-of-real-starts": [
        Damage(
            f"""
            INSERT INTO outbox_lapse
                (id, message_id, epoch, worker, alone, started_at, lease_until, swept_at)
            VALUES (gen_random_uuid(), {DONE}, {epoch}, 'w', false, now(), now(), now()),
                   (gen_random_uuid(), {DONE}, {other}, 'w', false, now(), now(), now())
            """
        )
        for epoch, other in ((999, 1), (1, 1))
    ],
    "outbox-at-rest-nothing-in-flight": [
        Damage("UPDATE outbox_message SET state = 1, lease_until = now(), job = id WHERE state = 0")
    ],
}
OF_WEBHOOKS = {
    "webhooks-none-forgotten": [
        Damage("UPDATE webhooks_providerevent SET parked_at = NULL, parked_reason = ''")
    ],
    "webhooks-applied-are-facts": [
        Damage("UPDATE webhooks_providerevent SET amount = 1 WHERE applied_at IS NOT NULL"),
        Damage("DELETE FROM payments_notice WHERE outcome = 'declined'"),
    ],
    "webhooks-facts-were-received": [
        Damage("UPDATE webhooks_providerevent SET gateway = 'mock' WHERE outcome = 'declined'")
    ],
    "webhooks-stored-once": [Damage(copy("webhooks_providerevent", "parked_at IS NOT NULL"))],
    "webhooks-parked-for-a-reason": [
        Damage("UPDATE webhooks_providerevent SET parked_reason = ''"),
        Damage("UPDATE webhooks_providerevent SET parked_at = now(), parked_reason = 'both'"),
    ],
}
OF_HISTORY = {
    "payments-history-moves-are-legal": [
        Damage(
            f"""
            UPDATE payments_statuschange SET after = 'CREATED'
            WHERE payment_id = {FAILED} AND version = 2;
            UPDATE payments_statuschange SET before = 'CREATED'
            WHERE payment_id = {FAILED} AND version = 3
            """
        )
    ],
    "payments-history-has-no-gap": [
        Damage(f"DELETE FROM payments_statuschange WHERE payment_id = {PLAIN} AND version = 2"),
        Damage(
            f"""
            UPDATE payments_statuschange SET version = 1
            WHERE payment_id = {PLAIN} AND version = 2
            """
        ),
    ],
    "payments-history-ends-at-status": [
        Damage(f"UPDATE payments_payment SET version = version + 1 WHERE id = {PLAIN}"),
        Damage(f"UPDATE payments_refund SET version = version + 1 WHERE id = {FAILED_REFUND}"),
    ],
    "payments-late-success-by-a-provider": [
        Damage("UPDATE payments_statuschange SET cause = 'operator' WHERE before = 'FAILED'")
    ],
    "payments-status-follows-operation": [
        Damage(
            f"""
            UPDATE payments_operation SET state = 'open', settled_at = NULL
            WHERE refund_id = {FAILED_REFUND}
            """,
            (
                "payments-nothing-is-forgotten",
                "payments-at-rest-facts-are-applied",
                "payments-at-rest-operations-settled",
            ),
        )
    ],
    "payments-created-means-unheard": [
        Damage(
            f"""
            DELETE FROM payments_statuschange WHERE payment_id = {DOUBTED};
            UPDATE payments_payment SET status = 'CREATED', version = 1 WHERE id = {DOUBTED}
            """
        )
    ],
    "payments-have-operations": [
        Damage(f"DELETE FROM payments_operation WHERE refund_id = {FAILED_REFUND}")
    ],
    "payments-operations-fit": [
        Damage(f"UPDATE payments_operation SET {change} WHERE refund_id = {FAILED_REFUND}")
        for change in ("gateway = 'mock_success'", "kind = 'capture'")
    ],
    "payments-refunds-fit": [
        Damage(f"UPDATE payments_refund SET currency = 'EUR' WHERE id = {FAILED_REFUND}")
    ],
    "payments-events-fit": [
        Damage("UPDATE payments_event SET mode = 'live' WHERE type = 'refund.failed'"),
        Damage(copy("payments_event", "true", aggregateid="gen_random_uuid()")),
    ],
}
OF_FACTS = {
    "payments-success-has-its-fact": [
        Damage(f"UPDATE payments_attempt SET amount = 1 WHERE operation_id = {charge(PLAIN)}")
    ],
    "payments-failure-has-its-fact": [
        Damage(
            f"UPDATE payments_attempt SET outcome = 'pending' WHERE operation_id = {charge(FAILED)}"
        )
    ],
    "payments-facts-are-applied": [
        Damage(f"{SUCCEEDED_AFTER_ALL}; {OLD}", ("payments-at-rest-facts-are-applied",))
    ],
    "payments-at-rest-facts-are-applied": [Damage(SUCCEEDED_AFTER_ALL)],
    "payments-strange-money-is-reviewed": [
        Damage(
            f"{SUCCEEDED_AFTER_ALL}; UPDATE payments_attempt SET amount = 1; {OLD}".replace(
                "SET amount = 1", "SET amount = 1 WHERE kind = 'ask' AND amount = 300"
            )
        )
    ],
    "payments-one-key-per-operation": [
        Damage(
            f"""
            UPDATE payments_attempt SET provider_key = 'another' WHERE id =
            {first("payments_attempt", f"operation_id = {charge(DOUBTED)}")}
            """
        )
    ],
    "payments-one-operation-per-key": [
        Damage(
            f"""
            UPDATE payments_attempt SET provider_key = 'shared'
            WHERE operation_id IN ({charge(PLAIN)}, {charge(FAILED)})
            """
        )
    ],
    "payments-one-attempt-per-start": [
        Damage(
            f"""
            UPDATE payments_attempt SET epoch = 1
            WHERE operation_id = {charge(DOUBTED)} AND epoch = 2
            """
        )
    ],
    "payments-attempts-of-real-starts": [
        Damage(f"UPDATE payments_attempt SET epoch = 99 WHERE operation_id = {charge(PLAIN)}"),
        Damage(
            f"""
            UPDATE payments_attempt SET epoch = 0
            WHERE operation_id = {charge(DOUBTED)} AND epoch = 2
            """
        ),
        Damage(copy("payments_attempt", f"operation_id = {charge(PLAIN)}", epoch="0")),
    ],
    "payments-first-send-is-remembered": [
        Damage(f"UPDATE payments_operation SET first_sent_at = NULL WHERE id = {charge(PLAIN)}")
    ],
    "payments-answers-have-an-outcome": [
        Damage(
            f"""
            UPDATE payments_attempt SET answered_at = NULL
            WHERE operation_id = {charge(DOUBTED)} AND epoch = 2
            """
        )
    ],
    "payments-nothing-is-forgotten": [
        Damage(
            f"DELETE FROM outbox_message WHERE state = 0; {UNREVIEWED}",
            ("payments-at-rest-operations-settled",),
        )
    ],
    "payments-dead-messages-are-reviewed": [
        Damage(
            f"""
            {copy("outbox_message", "state = 0", state="9", finished_at="now()")};
            {UNREVIEWED}
            """,
            OPEN_AT_REST,
        )
    ],
    "payments-at-rest-no-message-waits": [
        Damage(copy("outbox_message", "state = 0", subject_id="gen_random_uuid()"))
    ],
    "payments-at-rest-operations-settled": [
        Damage(UNREVIEWED, ("payments-at-rest-no-message-waits",))
    ],
    "payments-no-second-send-without-keys": [
        Damage(
            copy(
                "payments_attempt",
                f"operation_id = {charge(FAILED)}",
                message_id="gen_random_uuid()",
            )
        )
    ],
}
OF_MONEY = {
    "payments-captured-as-booked": [
        Damage(
            f"""
            UPDATE ledger_transfer SET amount = amount + 1
            WHERE layer = 'posted' AND transaction_id = {booking("payment.captured", PLAIN)}
            """
        )
    ],
    "payments-captured-is-what-was-charged": [
        Damage(
            f"""
            UPDATE payments_payment SET amount_captured = amount_captured - 1 WHERE id = {PLAIN};
            UPDATE ledger_transfer SET amount = amount - 1
            WHERE layer = 'posted' AND transaction_id = {booking("payment.captured", PLAIN)}
            """
        )
    ],
    "payments-expected-until-ended": [
        Damage(
            f"""
            UPDATE ledger_transaction SET resolves_id = NULL
            WHERE id = {booking("payment.captured", PLAIN)}
            """,
            ("ledger-resolution-mirrors-pending",),
        )
    ],
    "payments-expected-in-full": [
        Damage(
            f"""
            UPDATE ledger_transfer SET amount = amount + 1 WHERE layer = 'pending'
            AND transaction_id IN ({booking("payment.created", PLAIN)},
                                   {booking("payment.captured", PLAIN)})
            """
        )
    ],
    "payments-held-are-live-refunds": [
        Damage(
            f"""
            UPDATE payments_payment SET amount_refund_held = amount_refund_held + 1
            WHERE id = {PARTLY}
            """
        ),
        Damage(
            f"""
            UPDATE payments_payment SET amount_refund_held = 1
            WHERE id = (SELECT payment_id FROM payments_refund WHERE id = {FAILED_REFUND})
            """
        ),
    ],
    "payments-held-within-captured": [
        Damage(
            f"UPDATE payments_payment SET amount_refund_held = 9999 WHERE id = {PLAIN}",
            ("payments-held-are-live-refunds",),
        )
    ],
    "payments-refunded-are-successful-refunds": [
        Damage(
            f"UPDATE payments_payment SET amount_refunded = amount_refunded + 1 WHERE id = {PARTLY}"
        )
    ],
    "payments-refunded-when-all-went-back": [
        Damage(
            f"""
            DELETE FROM payments_statuschange WHERE payment_id = {REFUNDED} AND after = 'REFUNDED';
            UPDATE payments_payment SET status = 'SUCCESS', version = version - 1
            WHERE id = {REFUNDED}
            """
        )
    ],
    "payments-refunds-as-booked": [
        Damage(
            f"""
            UPDATE ledger_transfer SET amount = amount + 1 WHERE transaction_id =
            {first("ledger_transaction", f"kind = 'refund.{step}'")}
            """
        )
        for step in ("asked", "confirmed")
    ],
    "payments-refund-failures-as-booked": [
        Damage(
            f"""
            UPDATE ledger_transfer SET amount = amount + 1 WHERE transaction_id =
            {booking("refund.failed", FAILED_REFUND)}
            """
        )
    ],
    "payments-books-know-their-source": [
        Damage(
            f"""
            UPDATE ledger_transaction SET merchant_id = gen_random_uuid()
            WHERE id = {booking("refund.asked", FAILED_REFUND)}
            """
        ),
        Damage(
            copy("ledger_transaction", "true", source_id="gen_random_uuid()"),
            ("ledger-headers-have-transfers",),
        ),
    ],
}
OF_TRANSACTIONS = {
    "payments-accepted-in-one-transaction": [
        Damage(f"UPDATE core_idempotencyrecord SET xid = '1' WHERE resource_id = {PLAIN}"),
        Damage("UPDATE payments_event SET xid = '1' WHERE type = 'payment.created'"),
        Damage(
            f"UPDATE outbox_message SET xid = '1' WHERE subject_id = {charge(PLAIN)}",
        ),
        Damage(f"UPDATE payments_payment SET xid = NULL WHERE id = {PLAIN}"),
    ],
    "payments-refunds-asked-in-one-transaction": [
        Damage(f"UPDATE payments_refund SET xid = '1' WHERE id = {FAILED_REFUND}"),
        Damage("UPDATE payments_event SET xid = '1' WHERE type = 'refund.created'"),
    ],
    "payments-changed-in-one-transaction": [
        Damage("UPDATE payments_statuschange SET xid = '1' WHERE after = 'REFUNDED'"),
        Damage("UPDATE payments_event SET xid = '1' WHERE type = 'refund.failed'"),
    ],
    "payments-changes-are-booked": [
        Damage(
            f"""
            UPDATE ledger_transaction SET kind = 'payment.odd'
            WHERE id = {booking("payment.failed", FAILED)}
            """
        )
    ],
    "payments-changes-are-told": [
        Damage(f"DELETE FROM payments_event WHERE type = '{kind}'")
        for kind in ("payment.created", "payment.succeeded_late", "refund.failed")
    ],
    "payments-accepted-under-a-key": [
        Damage(f"DELETE FROM core_idempotencyrecord WHERE resource_id = {PLAIN}"),
        Damage(
            """
            DELETE FROM core_idempotencyrecord
            WHERE resource_id IN (SELECT id FROM payments_refund)
            """
        ),
    ],
    "payments-answers-are-true": [
        Damage(
            copy(
                "core_idempotencyrecord",
                "status = 201",
                key="'elsewhere'",
                resource_id="gen_random_uuid()",
            )
        )
    ],
}
ALL: dict[str, list[Damage]] = {
    **OF_CORE,
    **OF_OUTBOX,
    **OF_WEBHOOKS,
    **OF_HISTORY,
    **OF_FACTS,
    **OF_MONEY,
    **OF_TRANSACTIONS,
}

# These need no other state than the catalogue's; {serving} is the role that serves.
OF_TRIGGERS = {
    "payments-triggers-in-force": [
        "ALTER TABLE payments_payment DISABLE TRIGGER payments_payment_legal_move",
        "ALTER TABLE payments_event ENABLE TRIGGER payments_event_append_only",
        "DROP TRIGGER payments_refund_fits ON payments_refund",
        """
        DROP TRIGGER payments_attempt_answered_once ON payments_attempt;
        CREATE TRIGGER payments_attempt_answered_once BEFORE UPDATE OF outcome ON payments_attempt
            FOR EACH ROW WHEN (OLD.answered_at IS NOT NULL) EXECUTE FUNCTION payments_refuse('no');
        ALTER TABLE payments_attempt ENABLE ALWAYS TRIGGER payments_attempt_answered_once
        """,
    ],
    "outbox-triggers-in-force": [
        "ALTER TABLE outbox_message DISABLE TRIGGER outbox_done_stays_done",
        "ALTER TABLE outbox_lapse ENABLE REPLICA TRIGGER outbox_lapse_append_only",
    ],
}
OF_RIGHTS = {
    "payments-rights-as-listed": [
        "GRANT UPDATE ON payments_statuschange TO {serving}",
        "GRANT UPDATE (amount) ON payments_payment TO {serving}",
        "GRANT DELETE ON payments_notice TO PUBLIC",
        "GRANT TRUNCATE ON payments_attempt TO {serving}",
    ],
    "outbox-rights-as-listed": ["GRANT DELETE ON outbox_lapse TO {serving}"],
    "webhooks-rights-as-listed": [
        "GRANT UPDATE (content) ON webhooks_providerevent TO {serving}",
        "GRANT DELETE ON webhooks_providerevent TO {serving}",
    ],
    "core-rights-as-listed": ["GRANT UPDATE (body) ON core_idempotencyrecord TO {serving}"],
}
