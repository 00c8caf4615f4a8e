"""What the serving role and the operator may do with the tables of this room."""

GRANTS: dict[str, str] = {
    "webhooks_providerevent": "SELECT, INSERT, UPDATE (applied_at, parked_at, parked_reason)",
}
# Whether an event fits is never a person's to say; only that it is tried once more, or closed.
OPERATOR_GRANTS: dict[str, str] = {
    "webhooks_providerevent": "SELECT, UPDATE (parked_at, parked_reason, closed_at)",
}
