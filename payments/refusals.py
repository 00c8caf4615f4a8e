"""What SQLite refuses of payments: ``payments/migrations/0002_*`` once more (``core.refusals``)."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.refusals import Refusal, append_only, differs
from payments.states import (
    DISPUTE_MOVES,
    MOVES,
    REFUND_MOVES,
    DisputeStatus,
    OperationState,
    RefundStatus,
    Status,
)

# A failed operation may turn out to have succeeded, as a payment and a refund may.
_OPERATION_MOVES = {
    OperationState.OPEN: {
        OperationState.SUCCEEDED,
        OperationState.FAILED,
        OperationState.CLOSED,
    },
    OperationState.FAILED: {OperationState.SUCCEEDED},
    OperationState.CLOSED: {OperationState.SUCCEEDED},
}


def _no_such_move(column: str, moves: Mapping[Any, Any]) -> str:
    pairs = ", ".join(
        f"('{a.value}', '{b.value}')" for a, ends in moves.items() for b in sorted(ends)
    )
    return f"OLD.{column} <> NEW.{column} AND (OLD.{column}, NEW.{column}) NOT IN (VALUES {pairs})"


def _with_a_status(
    table: str,
    what: str,
    first: Status | RefundStatus | DisputeStatus,
    moves: Mapping[Any, Any],
    *terms: str,
    once_known: Sequence[str] = (),
) -> list[Refusal]:
    return [
        Refusal(
            table,
            f"{table}_starts_{first.value.lower()}",
            "INSERT",
            f"a {what} starts as {first.value}",
            f"NEW.status <> '{first.value}' OR NEW.version <> 1",
        ),
        Refusal(
            table,
            f"{table}_legal_move",
            "UPDATE",
            f"a {what} has no such move",
            _no_such_move("status", moves),
        ),
        Refusal(
            table,
            f"{table}_version_counts",
            "UPDATE",
            "the version counts changes of status",
            "NEW.version <> OLD.version + (OLD.status <> NEW.status)",
        ),
        Refusal(
            table,
            f"{table}_terms_fixed",
            "UPDATE",
            f"the terms of a {what} never change",
            " OR ".join([differs(*terms), *once_known]),
        ),
    ]


REFUSALS = [
    *_with_a_status(
        "payments_payment",
        "payment",
        Status.CREATED,
        MOVES,
        *("id", "merchant_id", "mode", "amount", "currency", "gateway", "created_at"),
        "capture_method",
    ),
    *_with_a_status(
        "payments_refund",
        "refund",
        RefundStatus.PENDING,
        REFUND_MOVES,
        *("id", "payment_id", "merchant_id", "mode", "amount", "currency"),
    ),
    Refusal(
        "payments_refund",
        "payments_refund_fits",
        "INSERT",
        "a refund has the merchant, mode and currency of its payment",
        "NOT EXISTS (SELECT 1 FROM payments_payment p "
        "WHERE (p.id, p.merchant_id, p.mode, p.currency) "
        "= (NEW.payment_id, NEW.merchant_id, NEW.mode, NEW.currency))",
    ),
    *_with_a_status(
        "payments_dispute",
        "dispute",
        DisputeStatus.OPEN,
        DISPUTE_MOVES,
        *("id", "payment_id", "merchant_id", "mode", "gateway", "provider_id", "amount"),
        *("currency", "opened_at"),
        once_known=(
            "OLD.fee IS NOT NULL AND OLD.fee IS NOT NEW.fee",
            "OLD.reason <> '' AND OLD.reason <> NEW.reason",
        ),
    ),
    Refusal(
        "payments_dispute",
        "payments_dispute_fits",
        "INSERT",
        "a dispute fits its payment, and is over no more than that captured",
        "NOT EXISTS (SELECT 1 FROM payments_payment p "
        "WHERE (p.id, p.merchant_id, p.mode, p.gateway, p.currency) "
        "= (NEW.payment_id, NEW.merchant_id, NEW.mode, NEW.gateway, NEW.currency) "
        "AND NEW.amount <= p.amount_captured - (SELECT coalesce(sum(d.amount), 0) "
        "FROM payments_dispute d WHERE d.payment_id = p.id AND d.status <> 'WON'))",
    ),
    Refusal(
        "payments_disputefact",
        "payments_disputefact_fits",
        "INSERT",
        "what counts of a dispute names its amount and currency",
        "NOT EXISTS (SELECT 1 FROM payments_dispute d WHERE (d.id, d.amount, d.currency) "
        "= (NEW.dispute_id, NEW.amount, NEW.currency))",
    ),
    Refusal(
        "payments_operation",
        "payments_operation_undisputed",
        "INSERT",
        "what is disputed, or lost by a dispute, is not refunded",
        "NEW.kind = 'refund' AND NEW.unasked_id = '' AND EXISTS (SELECT 1 FROM payments_dispute d "
        "JOIN payments_payment p ON p.id = d.payment_id WHERE d.payment_id = NEW.payment_id "
        "GROUP BY p.id HAVING sum(d.status = 'OPEN') > 0 OR sum(d.status = 'LOST') > 0 "
        "AND NEW.amount > p.amount_captured - p.amount_refund_held "
        "- sum(CASE d.status WHEN 'LOST' THEN d.amount ELSE 0 END))",
    ),
    Refusal(
        "payments_operation",
        "payments_operation_fits",
        "INSERT",
        "an operation fits what it is for, and the status of its payment",
        "NEW.kind <> 'charge' AND NOT EXISTS (SELECT 1 FROM payments_payment p "
        "LEFT JOIN payments_refund r ON (r.id, r.payment_id) = (NEW.refund_id, p.id) "
        "WHERE (p.id, p.gateway, p.currency) = (NEW.payment_id, NEW.gateway, NEW.currency) "
        "AND CASE NEW.kind WHEN 'refund' THEN NEW.amount = r.amount "
        "WHEN 'void' THEN NEW.amount = p.amount "
        "ELSE NEW.amount BETWEEN 1 AND p.amount AND p.capture_method = 'manual' END "
        "AND (NEW.unasked_id <> '' OR (NEW.kind, p.status) IN (VALUES ('refund', 'SUCCESS'), "
        "('capture', 'AUTHORIZED'), ('void', 'AUTHORIZED'), ('void', 'REQUIRES_ACTION'))))",
    ),
    Refusal(
        "payments_operation",
        "payments_operation_once_settled",
        "UPDATE",
        "an operation has no such move",
        _no_such_move("state", _OPERATION_MOVES),
    ),
    Refusal(
        "payments_operation",
        "payments_operation_terms_fixed",
        "UPDATE",
        "the terms of an operation never change",
        differs(
            *("id", "payment_id", "refund_id", "kind", "gateway", "amount", "currency"),
            "unasked_id",
        )
        + " OR OLD.first_sent_at IS NOT NULL AND OLD.first_sent_at IS NOT NEW.first_sent_at"
        " OR OLD.returned_at IS NOT NULL AND OLD.returned_at IS NOT NEW.returned_at",
    ),
    Refusal(
        "payments_attempt",
        "payments_attempt_answered_once",
        "UPDATE",
        "an answer is a fact and never changes",
        "OLD.answered_at IS NOT NULL",
    ),
    *(
        Refusal(f"payments_{what}", f"payments_{what}_kept", "DELETE", f"{what}s are never deleted")
        for what in ("payment", "refund", "operation", "attempt", "dispute")
    ),
    *(
        append_only(f"payments_{what}")
        for what in ("notice", "statuschange", "event", "eventnumber", "seen", "disputefact")
    ),
    Refusal(
        "payments_eventnumber",
        "payments_eventnumber_in_order",
        "INSERT",
        "events are numbered one by one",
        "NEW.number > 1 AND NOT EXISTS (SELECT 1 FROM payments_eventnumber n "
        "WHERE (n.merchant_id, n.mode, n.number) = (NEW.merchant_id, NEW.mode, NEW.number - 1))",
    ),
]
