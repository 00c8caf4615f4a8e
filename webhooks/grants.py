"""What the serving role and the operator may do with the tables of this room."""

GRANTS: dict[str, str] = {
    "webhooks_providerevent": "SELECT, INSERT, UPDATE (applied_at, parked_at, parked_reason)",
}
OPERATOR_GRANTS: dict[str, str] = {"webhooks_providerevent": "SELECT"}
