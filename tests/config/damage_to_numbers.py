"""Damage to the numbers of events."""

from tests.config.planting import Damage, copy

_BODIES = ("webhooks-bodies-tell-of-events",)
_LAST = "(SELECT event_id FROM payments_eventnumber ORDER BY number DESC LIMIT 1)"
OF_NUMBERS = {
    "payments-event-numbers-have-no-gap": [
        Damage("UPDATE payments_eventnumber SET number = number + 1", _BODIES),
        Damage("UPDATE payments_eventnumber SET number = number + 1 WHERE number > 3", _BODIES),
        Damage("UPDATE payments_eventnumber SET number = number - 1 WHERE number > 3", _BODIES),
    ],
    "payments-event-numbers-in-order": [
        Damage(
            "UPDATE payments_eventnumber SET number = 5 - number WHERE number IN (1, 4)", _BODIES
        ),
        Damage("UPDATE payments_eventnumber SET epoch = epoch + 1 WHERE number = 2"),
    ],
    "payments-event-numbers-fit": [
        Damage("UPDATE payments_eventnumber SET mode = 'live'", _BODIES),
        Damage(
            """
            INSERT INTO payments_eventnumber (event_id, merchant_id, mode, number, epoch)
            VALUES (gen_random_uuid(), gen_random_uuid(), 'test', 1, 1)
            """
        ),
    ],
    "payments-numbering-in-bounds": [
        Damage("DELETE FROM payments_numbering"),
        Damage("UPDATE payments_numbering SET xid = '9000000000'"),
    ],
    "payments-events-behind-the-mark-are-numbered": [
        Damage(
            f"""
            UPDATE payments_event SET created_at = now() WHERE id = {_LAST};
            DELETE FROM payments_eventnumber WHERE event_id = {_LAST}
            """
        ),
    ],
    "payments-at-rest-events-are-numbered": [
        Damage(
            copy(
                "payments_event",
                "type = 'payment.outcome_unknown'",
                xid="'9000000000'",
                created_at="now() - interval '11 seconds'",
            )
        ),
    ],
}
