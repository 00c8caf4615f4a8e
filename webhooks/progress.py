"""The statements that write what was heard of deliveries, and how they stand."""

ANSWER = """
    UPDATE webhooks_deliveryattempt a
    SET answered_at = now(), result = v.result, status_code = v.status_code,
        milliseconds = v.milliseconds, detail = v.detail, excerpt = v.excerpt
    FROM (VALUES %s) AS v(id, result, status_code, milliseconds, detail, excerpt)
    WHERE a.id = v.id AND a.answered_at IS NULL
    RETURNING a.id
"""
ANSWER_TYPES = "(%s::uuid, %s, %s::smallint, %s::int, %s, %s)"
WRITE = """
    UPDATE webhooks_delivery d
    SET status = v.status, reason = v.reason, tries = v.tries, is_asked = v.is_asked,
        next_attempt_at = v.next_attempt_at, hidden_until = v.hidden_until,
        finished_at = v.finished_at
    FROM (VALUES %s) AS v(id, status, reason, tries, is_asked, next_attempt_at, hidden_until,
                          finished_at)
    WHERE d.id = v.id
    RETURNING d.id
"""
WRITE_TYPES = (
    "(%s::uuid, %s, %s, %s::smallint, %s::boolean,"
    " %s::timestamptz, %s::timestamptz, %s::timestamptz)"
)
PROGRESS = (
    *("status", "reason", "tries", "is_asked", "next_attempt_at", "hidden_until"),
    "finished_at",
)
