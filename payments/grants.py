"""What the serving role and the operator may do with the tables of this room."""

GRANTS: dict[str, str] = {
    "payments_payment": "SELECT, INSERT, UPDATE (status, amount_captured, amount_refund_held,"
    " amount_overdrawn, amount_refunded, failure_code, failure_message, outcome_unknown_since,"
    " needs_review, review_reason, review_operation, next_action_url, version, updated_at)",
    "payments_refund": "SELECT, INSERT, UPDATE (status, failure_code,"
    " failure_message, outcome_unknown_since, version, updated_at)",
    "payments_operation": "SELECT, INSERT, UPDATE (state, provider_id, first_sent_at, settled_at,"
    " recheck_at, claims, returned_at)",
    "payments_attempt": "SELECT, INSERT, UPDATE (answered_at, outcome, provider_id, amount,"
    " currency, account, action_url, code, detail)",
    "payments_notice": "SELECT, INSERT",
    "payments_statuschange": "SELECT, INSERT",
    "payments_event": "SELECT, INSERT",
    "payments_eventnumber": "SELECT, INSERT",
    "payments_numbering": "SELECT, UPDATE",
    "payments_operatoract": "SELECT",
    "payments_seen": "SELECT",
    "payments_dispute": "SELECT, INSERT, UPDATE (status, fee, reason, decided_at, version)",
    "payments_disputefact": "SELECT, INSERT",
}
# A status is the facts' to change, never a person's.
OPERATOR_GRANTS: dict[str, str] = {
    **dict.fromkeys(GRANTS, "SELECT"),
    "payments_payment": "SELECT, UPDATE (needs_review, review_reason, review_operation,"
    " updated_at)",
    "payments_event": "SELECT, INSERT",
    "payments_seen": "SELECT, INSERT",
}
