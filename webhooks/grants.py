"""What the serving role and the operator may do with the tables of this room."""

GRANTS: dict[str, str] = {
    "webhooks_providerevent": "SELECT, INSERT, UPDATE (applied_at, parked_at, parked_reason)",
    "webhooks_endpoint": "SELECT, INSERT, UPDATE (url, events, description, status, disabled_by,"
    " disabled_detail, disabled_at, failures, failing_since, failed_at, probe_at, is_slow,"
    " slow_until, version, updated_at, deleted_at)",
    # Ended ones are deleted: a secret that signs nothing any more is only there to be lost.
    "webhooks_endpointsecret": "SELECT, INSERT, UPDATE (key_id, sealed, expires_at), DELETE",
    "webhooks_body": "SELECT, INSERT",
    "webhooks_delivery": "SELECT, INSERT, UPDATE (status, reason, tries, is_asked,"
    " next_attempt_at, hidden_until, finished_at)",
    "webhooks_deliveryattempt": "SELECT, INSERT, UPDATE (answered_at, result, status_code,"
    " milliseconds, detail, excerpt)",
}
# Whether an event fits is never a person's to say; only that it is tried once more, or closed.
OPERATOR_GRANTS: dict[str, str] = {
    "webhooks_providerevent": "SELECT, UPDATE (parked_at, parked_reason, closed_at)",
    "webhooks_endpoint": "SELECT, UPDATE (status, disabled_by, disabled_detail, disabled_at,"
    " failures, failing_since, failed_at, probe_at, is_slow, slow_until, version, updated_at)",
    # Nobody at the desk has a use for a secret, not even a sealed one.
    "webhooks_endpointsecret": "SELECT (id, endpoint_id, key_id, created_at, expires_at)",
    **dict.fromkeys(("webhooks_body", "webhooks_delivery", "webhooks_deliveryattempt"), "SELECT"),
}
