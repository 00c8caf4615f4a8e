"""What the serving role may do with the tables of this room."""

GRANTS = {
    "webhooks_providerevent": "SELECT, INSERT, UPDATE (applied_at, parked_at, parked_reason)",
}
