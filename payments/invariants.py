"""What must always be true of payments; `manage.py verify` asks each of these."""

from collections.abc import Mapping
from typing import Any

from core.guards import Guard, append_only, rights_as_listed, triggers_in_force
from core.invariants import Invariant
from core.secrecy import no_card_numbers, no_secrets
from payments import (
    action_invariants,
    dispute_invariants,
    fact_invariants,
    hold_invariants,
    list_invariants,
    money_invariants,
    numbering_invariants,
    surplus_invariants,
    transaction_invariants,
    unasked_invariants,
)
from payments.grants import GRANTS, OPERATOR_GRANTS
from payments.states import DISPUTE_MOVES, MOVES, REFUND_MOVES

_REFUSE = "payments_refuse"
_OWN = {"undisputed": "payments_operation_undisputed", "fits": "payments_operation_fits"}
_CONDITIONAL = [
    ("payments_payment", "starts_created", "INSERT"),
    ("payments_payment", "legal_move", "UPDATE"),
    ("payments_payment", "version_counts", "UPDATE"),
    ("payments_payment", "terms_fixed", "UPDATE"),
    ("payments_refund", "starts_pending", "INSERT"),
    ("payments_refund", "legal_move", "UPDATE"),
    ("payments_refund", "version_counts", "UPDATE"),
    ("payments_refund", "terms_fixed", "UPDATE"),
    ("payments_operation", "once_settled", "UPDATE"),
    ("payments_operation", "terms_fixed", "UPDATE"),
    ("payments_operation", "undisputed", "INSERT"),
    ("payments_operation", "fits", "INSERT"),
    ("payments_attempt", "answered_once", "UPDATE"),
    ("payments_dispute", "starts_open", "INSERT"),
    ("payments_dispute", "legal_move", "UPDATE"),
    ("payments_dispute", "version_counts", "UPDATE"),
    ("payments_dispute", "terms_fixed", "UPDATE"),
]
_STATE_TABLES = (
    *("payments_payment", "payments_refund", "payments_operation", "payments_attempt"),
    "payments_dispute",
)
_FACT_TABLES = (
    *("payments_notice", "payments_statuschange", "payments_event", "payments_seen"),
    "payments_disputefact",
)
_FITTING = ("payments_refund", "payments_dispute", "payments_disputefact")
GUARDS = [
    *(
        Guard(table, f"{table}_{name}", event, _OWN.get(name, _REFUSE), has_condition=True)
        for table, name, event in _CONDITIONAL
    ),
    *(Guard(table, f"{table}_kept", "DELETE", _REFUSE) for table in _STATE_TABLES),
    *(Guard(table, f"{table}_not_truncated", "TRUNCATE", _REFUSE) for table in _STATE_TABLES),
    *(guard for table in _FACT_TABLES for guard in append_only(table, _REFUSE)),
    *(Guard(table, f"{table}_fits", "INSERT", f"{table}_fits") for table in _FITTING),
    *numbering_invariants.GUARDS,
]


def _pairs(moves: Mapping[Any, frozenset[Any]]) -> str:
    return ", ".join(f"('{a}', '{b}')" for a, ends in moves.items() for b in sorted(ends))


# A payment's, a refund's and a dispute's steps alike, each with where its life begins.
_STEPS = """
    steps AS (
        SELECT id, coalesce(dispute_id, refund_id, payment_id) AS subject, before, after, version,
               CASE WHEN dispute_id IS NOT NULL THEN 'OPEN' WHEN refund_id IS NOT NULL
                    THEN 'PENDING' ELSE 'CREATED' END AS first,
               payment_id, cause, xid
        FROM payments_statuschange
    )
"""
HISTORY = [
    Invariant(
        "payments-history-moves-are-legal",
        "every step of a payment, refund or dispute is in the tables of payments/states.py",
        f"""
        WITH {_STEPS}
        SELECT subject, before, after FROM steps
        WHERE CASE first WHEN 'PENDING' THEN (before, after) NOT IN ({_pairs(REFUND_MOVES)})
                         WHEN 'OPEN' THEN (before, after) NOT IN ({_pairs(DISPUTE_MOVES)})
                         ELSE (before, after) NOT IN ({_pairs(MOVES)}) END
        """,  # noqa: S608 - our own constants
    ),
    Invariant(
        "payments-history-has-no-gap",
        "the steps are numbered without a gap, and each begins where the one before ended",
        f"""
        WITH {_STEPS}, told AS (
            SELECT subject, version, before, row_number() OVER life + 1 AS expected,
                   lag(after, 1, first) OVER life AS ended
            FROM steps WINDOW life AS (PARTITION BY subject ORDER BY version))
        SELECT subject, version, expected, before, ended FROM told
        WHERE version <> expected OR before <> ended
        """,  # noqa: S608 - our own constants
    ),
    Invariant(
        "payments-history-ends-at-status",
        "a payment's, refund's or dispute's status and version are those of its last step",
        f"""
        WITH {_STEPS}, now_at AS (
            SELECT id, status, version, 'CREATED' AS first FROM payments_payment
            UNION ALL SELECT id, status, version, 'PENDING' FROM payments_refund
            UNION ALL SELECT id, status, version, 'OPEN' FROM payments_dispute)
        SELECT n.id, n.status, n.version, last.after, last.version AS last_version FROM now_at n
        LEFT JOIN (SELECT DISTINCT ON (subject) subject, after, version FROM steps
                   ORDER BY subject, version DESC) AS last ON last.subject = n.id
        WHERE (n.status, n.version) <> (coalesce(last.after, n.first), coalesce(last.version, 1))
        """,  # noqa: S608 - our own constants
    ),
    Invariant(
        "payments-late-success-by-a-provider",
        "what had failed, been let go or run out went on only by a provider's own fact",
        f"""
        WITH {_STEPS}
        SELECT subject, cause FROM steps WHERE before IN ('FAILED', 'CANCELED', 'EXPIRED')
          AND cause NOT IN ('attempt', 'notice', 'message')
        """,  # noqa: S608 - our own constants
    ),
    Invariant(
        "payments-status-follows-operation",
        "a payment stands where its operations put it, and a refund where its own does",
        """
        SELECT p.id, p.status, o.state FROM payments_payment p
        JOIN payments_operation o ON o.payment_id = p.id AND o.kind = 'charge'
        LEFT JOIN LATERAL (
            SELECT coalesce(bool_or(x.kind = 'capture'), false) AS captured,
                   coalesce(bool_or(x.kind = 'void' AND x.unasked_id = ''), false) AS let_go,
                   coalesce(bool_or(x.kind = 'void' AND x.unasked_id <> ''), false) AS ran_out
            FROM payments_operation x
            WHERE x.payment_id = p.id AND x.state = 'succeeded' AND x.kind IN ('capture', 'void')
        ) AS known ON true
        WHERE NOT CASE
            WHEN known.captured OR o.state = 'succeeded' AND p.capture_method = 'automatic'
                THEN p.status IN ('SUCCESS', 'REFUNDED')
            WHEN known.let_go OR o.state = 'closed' THEN p.status = 'CANCELED'
            WHEN known.ran_out THEN p.status = 'EXPIRED'
            WHEN o.state = 'failed' THEN p.status IN ('FAILED', 'EXPIRED')
            WHEN o.state = 'succeeded'
                THEN p.status = 'AUTHORIZED' OR p.status = 'CANCELED' AND EXISTS (
                    SELECT 1 FROM payments_statuschange c
                    WHERE c.payment_id = p.id AND c.refund_id IS NULL AND c.after = 'CANCELED'
                      AND c.before IN ('CREATED', 'PROCESSING'))
            ELSE p.status IN ('CREATED', 'PROCESSING', 'REQUIRES_ACTION') END
        UNION ALL
        SELECT r.id, r.status, o.state FROM payments_refund r
        JOIN payments_operation o ON o.refund_id = r.id
        WHERE o.state <> CASE r.status WHEN 'SUCCEEDED' THEN 'succeeded'
                                       WHEN 'FAILED' THEN 'failed' ELSE 'open' END
        """,
    ),
    Invariant(
        "payments-created-means-unheard",
        "a payment is CREATED only as long as no provider may have heard of it",
        """
        SELECT p.id FROM payments_payment p WHERE p.status = 'CREATED' AND EXISTS (
            SELECT 1 FROM payments_operation o JOIN payments_attempt a ON a.operation_id = o.id
            WHERE o.payment_id = p.id)
        """,
    ),
]

PARENTS = [
    Invariant(
        "payments-have-operations",
        "every payment has a charge and every refund its operation",
        """
        SELECT p.id FROM payments_payment p WHERE NOT EXISTS (
            SELECT 1 FROM payments_operation o WHERE o.payment_id = p.id AND o.kind = 'charge')
        UNION ALL
        SELECT r.id FROM payments_refund r WHERE NOT EXISTS (
            SELECT 1 FROM payments_operation o WHERE o.refund_id = r.id)
        """,
    ),
    Invariant(
        "payments-operations-fit",
        "an operation has the gateway, currency and amount of what it carries out",
        """
        SELECT o.id, o.kind, o.amount, o.currency, o.gateway FROM payments_operation o
        JOIN payments_payment p ON p.id = o.payment_id
        LEFT JOIN payments_refund r ON r.id = o.refund_id
        WHERE (o.gateway, o.currency) <> (p.gateway, p.currency)
           OR o.amount <> coalesce(r.amount, p.amount)
              AND NOT (o.kind = 'capture' AND o.amount < p.amount)
           OR (o.kind = 'refund') <> (r.id IS NOT NULL) OR r.payment_id <> p.id
           OR o.kind = 'capture' AND p.capture_method <> 'manual'
        """,
    ),
    Invariant(
        "payments-refunds-fit",
        "a refund has the merchant, mode and currency of its payment",
        """
        SELECT r.id FROM payments_refund r JOIN payments_payment p ON p.id = r.payment_id
        WHERE (r.merchant_id, r.mode, r.currency) <> (p.merchant_id, p.mode, p.currency)
        """,
    ),
    Invariant(
        "payments-events-fit",
        "an event about a payment, refund or dispute tells its merchant, in its mode, of one"
        " that is there",
        """
        SELECT e.id, e.type FROM payments_event e
        LEFT JOIN payments_payment p ON p.id = e.aggregateid AND e.aggregatetype = 'payment'
        LEFT JOIN payments_refund r ON r.id = e.aggregateid AND e.aggregatetype = 'refund'
        LEFT JOIN payments_dispute d ON d.id = e.aggregateid AND e.aggregatetype = 'dispute'
        WHERE e.aggregatetype IN ('payment', 'refund', 'dispute')
          AND (e.merchant_id, e.mode) IS DISTINCT FROM
              (coalesce(p.merchant_id, r.merchant_id, d.merchant_id),
               coalesce(p.mode, r.mode, d.mode))
        """,
    ),
]

INVARIANTS: list[Invariant] = [
    *HISTORY,
    *PARENTS,
    *fact_invariants.INVARIANTS,
    *hold_invariants.INVARIANTS,
    *action_invariants.INVARIANTS,
    *money_invariants.INVARIANTS,
    *numbering_invariants.INVARIANTS,
    *surplus_invariants.INVARIANTS,
    *transaction_invariants.INVARIANTS,
    *dispute_invariants.INVARIANTS,
    *unasked_invariants.INVARIANTS,
    *list_invariants.INVARIANTS,
    no_card_numbers("payments", [*_STATE_TABLES, *_FACT_TABLES]),
    # What merchants write about their payments is theirs to know.
    no_secrets(
        "payments",
        [
            *("payments_attempt", "payments_notice", "payments_seen"),
            *("payments_dispute", "payments_disputefact"),
        ],
    ),
    triggers_in_force("payments", GUARDS),
    rights_as_listed("payments", GRANTS, OPERATOR_GRANTS),
]
