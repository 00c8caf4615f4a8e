"""What must hold of what a provider did without being asked by us."""

from core.invariants import Invariant

INVARIANTS: list[Invariant] = [
    Invariant(
        "payments-unasked-was-told",
        "what nobody asked us for is there because its provider told of it, under its id",
        """
        SELECT o.id, o.gateway, o.unasked_id FROM payments_operation o
        WHERE o.unasked_id <> '' AND NOT EXISTS (
            SELECT 1 FROM payments_notice n
            WHERE n.operation_id = o.id AND n.outcome = 'succeeded'
              AND n.provider_id = o.unasked_id)
        """,
    ),
    Invariant(
        "payments-unasked-is-never-sent",
        "what nobody asked us for is only heard of: nothing is asked or sent for it",
        """
        SELECT o.id, a.id AS attempt, m.id AS message FROM payments_operation o
        LEFT JOIN payments_attempt a ON a.operation_id = o.id
        LEFT JOIN outbox_message m ON m.subject_id = o.id
        WHERE o.unasked_id <> '' AND (a.id IS NOT NULL OR m.id IS NOT NULL)
        """,
    ),
    Invariant(
        "payments-unasked-is-none-of-ours",
        "what a provider did for an operation of ours is not booked as done without us, too",
        """
        SELECT theirs.id, ours.id AS ours, theirs.unasked_id FROM payments_operation theirs
        JOIN payments_operation ours
            ON ours.payment_id = theirs.payment_id AND ours.unasked_id = ''
            AND ours.kind = theirs.kind
        WHERE theirs.unasked_id <> '' AND ours.state = 'succeeded' AND EXISTS (
            SELECT 1 FROM payments_attempt a
            WHERE a.operation_id = ours.id AND a.provider_id = theirs.unasked_id
            UNION ALL
            SELECT 1 FROM payments_notice n
            WHERE n.operation_id = ours.id AND n.provider_id = theirs.unasked_id)
        """,
    ),
]
