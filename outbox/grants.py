"""What the serving role and the operator may do with the tables of this room."""

GRANTS: dict[str, str] = {
    "outbox_message": "SELECT, INSERT, UPDATE, DELETE",
    "outbox_lapse": "SELECT, INSERT",
}
# What became of a message is no person's to write: not its starts, failures or errors.
OPERATOR_GRANTS: dict[str, str] = {
    "outbox_message": "SELECT, INSERT, UPDATE (state, epoch, available_at, finished_at, alone,"
    " lapses, started_at, worker, lease_until, job, max_attempts)",
    "outbox_lapse": "SELECT",
}
