"""What the serving role may do with the tables of this room."""

GRANTS = {
    "outbox_message": "SELECT, INSERT, UPDATE, DELETE",
    "outbox_lapse": "SELECT, INSERT",
}
