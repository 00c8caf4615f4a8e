"""Damage to what stands around the payments: answers, messages, webhooks, guards."""

from tests.config.planting import DONE, Damage, copy

A_CARD = "4111111111111111"
OF_CORE = {
    "core-one-answer-per-key": [Damage(copy("core_idempotencyrecord", "status = 201"))],
    "core-answers-made-something": [
        Damage("UPDATE core_idempotencyrecord SET status = 503 WHERE status = 422"),
        Damage("UPDATE core_idempotencyrecord SET status = 201 WHERE status = 422"),
    ],
    "core-audit-says-who-and-why": [
        Damage(
            f"""
            INSERT INTO core_auditentry
                (id, actor, action, subject_type, subject_id, reason, before, after, request_id)
            VALUES (gen_random_uuid(), {actor}, 'x.y', 'x', '1', {reason}, '{{}}', '{{}}', '')
            """
        )
        for actor, reason in (("'ada'", "'  '"), ("''", "'why not'"))
    ],
}
A_KEY = "sk_live_" + "7" * 43
OF_CORE |= {
    "core-at-rest-no-key-is-locked": [Damage("SELECT pg_advisory_xact_lock(77::bigint << 40)")],
    "core-no-card-numbers": [
        Damage(f"UPDATE core_idempotencyrecord SET body = body || ' {A_CARD}'"),
        Damage("UPDATE core_merchant SET name = '378282246310005'"),
    ],
    "core-no-secrets": [Damage(f"UPDATE core_merchant SET name = 'not {A_KEY}'")],
}
OF_OUTBOX = {
    "outbox-no-card-numbers": [
        Damage(f"UPDATE outbox_message SET last_error = 'card {A_CARD}.' WHERE id = {DONE}")
    ],
    "outbox-no-secrets": [Damage(f"UPDATE outbox_message SET trace = '{A_KEY}'")],
    "outbox-leases-only-in-flight": [
        Damage(f"UPDATE outbox_message SET lease_until = now() WHERE id = {DONE}"),
        Damage(f"UPDATE outbox_message SET job = gen_random_uuid() WHERE id = {DONE}"),
    ],
    "outbox-starts-within-epochs": [
        Damage(f"UPDATE outbox_message SET starts = epoch + 1 WHERE id = {DONE}")
    ],
    "outbox-started-means-counted": [
        Damage(f"UPDATE outbox_message SET worker = '' WHERE id = {DONE}")
    ],
    "outbox-over-has-an-end": [
        Damage(f"UPDATE outbox_message SET finished_at = NULL WHERE id = {DONE}"),
        Damage("UPDATE outbox_message SET finished_at = now() WHERE state = 0"),
    ],
    "outbox-one-active-per-subject": [Damage(copy("outbox_message", "state = 0"))],
    "outbox-one-alone-in-flight": [
        Damage(
            ";".join(
                [
                    copy(
                        "outbox_message",
                        "state = 0",
                        subject_id="gen_random_uuid()",
                        state="1",
                        alone="true",
                        lease_until="now()",
                        job="gen_random_uuid()",
                    )
                ]
                * 2
            ),
            ("outbox-at-rest-nothing-in-flight", "payments-at-rest-no-message-waits"),
        )
    ],
    "outbox-lapses-of-real-starts": [
        Damage(
            f"""
            INSERT INTO outbox_lapse
                (id, message_id, epoch, worker, alone, started_at, lease_until, swept_at)
            VALUES (gen_random_uuid(), {DONE}, {epoch}, 'w', false, now(), now(), now()),
                   (gen_random_uuid(), {DONE}, {other}, 'w', false, now(), now(), now())
            """
        )
        for epoch, other in ((999, 1), (1, 1))
    ],
    "outbox-at-rest-nothing-in-flight": [
        Damage("UPDATE outbox_message SET state = 1, lease_until = now(), job = id WHERE state = 0")
    ],
}
OF_WEBHOOKS = {
    "webhooks-no-card-numbers": [
        Damage(f'UPDATE webhooks_providerevent SET content = \'{{"number": "{A_CARD}"}}\''),
        Damage(f"UPDATE webhooks_deliveryattempt SET excerpt = 'no {A_CARD}'"),
    ],
    "webhooks-no-secrets": [
        Damage("UPDATE webhooks_providerevent SET detail = 'whsec_' || repeat('a', 20)"),
        Damage("UPDATE webhooks_deliveryattempt SET excerpt = 'whsec_' || repeat('a', 20)"),
    ],
    "webhooks-none-forgotten": [
        Damage("UPDATE webhooks_providerevent SET parked_at = NULL, parked_reason = ''")
    ],
    "webhooks-applied-are-facts": [
        Damage(
            "UPDATE webhooks_providerevent SET amount = 1"
            " WHERE applied_at IS NOT NULL AND kind <> 'dispute'"
        ),
        Damage("DELETE FROM payments_notice WHERE outcome = 'declined'"),
    ],
    "webhooks-facts-were-received": [
        Damage("UPDATE webhooks_providerevent SET gateway = 'mock' WHERE outcome = 'declined'"),
        Damage(
            """
            UPDATE payments_notice n SET attempt_id = a.id FROM payments_attempt a
            WHERE a.operation_id = n.operation_id
            """
        ),
    ],
    "webhooks-stored-once": [Damage(copy("webhooks_providerevent", "parked_at IS NOT NULL"))],
    "webhooks-parked-for-a-reason": [
        Damage("UPDATE webhooks_providerevent SET parked_reason = ''"),
        Damage("UPDATE webhooks_providerevent SET parked_at = now(), parked_reason = 'both'"),
        Damage("UPDATE webhooks_providerevent SET closed_at = now() WHERE parked_at IS NULL"),
    ],
}
# These need no other state than the catalogue's; {serving} and {operator} are our roles.
OF_TRIGGERS = {
    "payments-triggers-in-force": [
        "ALTER TABLE payments_payment DISABLE TRIGGER payments_payment_legal_move",
        "ALTER TABLE payments_event ENABLE TRIGGER payments_event_append_only",
        "DROP TRIGGER payments_refund_fits ON payments_refund",
        "DROP TRIGGER payments_dispute_fits ON payments_dispute",
        "ALTER TABLE payments_operation DISABLE TRIGGER payments_operation_undisputed",
        "DROP TRIGGER payments_operation_fits ON payments_operation",
        "DROP TRIGGER payments_event_stamped ON payments_event",
        "ALTER TABLE payments_eventnumber DISABLE TRIGGER payments_eventnumber_in_order",
        "ALTER TABLE payments_numbering ENABLE TRIGGER payments_numbering_goes_forward",
        """
        DROP TRIGGER payments_eventnumber_in_order ON payments_eventnumber;
        CREATE TRIGGER payments_eventnumber_in_order BEFORE INSERT ON payments_eventnumber
            FOR EACH STATEMENT EXECUTE FUNCTION payments_guard_numbers();
        ALTER TABLE payments_eventnumber ENABLE ALWAYS TRIGGER payments_eventnumber_in_order
        """,
        """
        DROP TRIGGER payments_attempt_answered_once ON payments_attempt;
        CREATE TRIGGER payments_attempt_answered_once BEFORE UPDATE OF outcome ON payments_attempt
            FOR EACH ROW WHEN (OLD.answered_at IS NOT NULL) EXECUTE FUNCTION payments_refuse('no');
        ALTER TABLE payments_attempt ENABLE ALWAYS TRIGGER payments_attempt_answered_once
        """,
    ],
    "core-triggers-in-force": [
        "ALTER TABLE core_auditentry DISABLE TRIGGER core_auditentry_append_only",
        "ALTER TABLE core_auditentry ENABLE TRIGGER core_auditentry_not_truncated",
        "DROP TRIGGER core_auditentry_stamped ON core_auditentry",
        "DROP TRIGGER core_merchant_closed_for_good ON core_merchant",
        "ALTER TABLE core_apikey DISABLE TRIGGER core_apikey_revoked_for_good",
    ],
    "webhooks-triggers-in-force": [
        "ALTER TABLE webhooks_body DISABLE TRIGGER webhooks_body_append_only",
        "ALTER TABLE webhooks_endpoint ENABLE TRIGGER webhooks_endpoint_terms_fixed",
        "DROP TRIGGER webhooks_delivery_fits ON webhooks_delivery",
        "DROP TRIGGER webhooks_deliveryattempt_answered_once ON webhooks_deliveryattempt",
    ],
    "outbox-triggers-in-force": [
        "ALTER TABLE outbox_message DISABLE TRIGGER outbox_done_stays_done",
        "ALTER TABLE outbox_lapse ENABLE REPLICA TRIGGER outbox_lapse_append_only",
    ],
}
OF_RIGHTS = {
    "payments-rights-as-listed": [
        "GRANT UPDATE ON payments_statuschange TO {serving}",
        "GRANT UPDATE (amount) ON payments_payment TO {serving}",
        "GRANT DELETE ON payments_notice TO PUBLIC",
        "GRANT TRUNCATE ON payments_attempt TO {serving}",
        "GRANT UPDATE (number) ON payments_eventnumber TO {serving}",
        "GRANT INSERT ON payments_eventnumber TO {operator}",
        "GRANT UPDATE (status) ON payments_payment TO {operator}",
        "GRANT UPDATE (outcome) ON payments_attempt TO {operator}",
        "GRANT INSERT ON payments_statuschange TO {operator}",
        "GRANT UPDATE (amount) ON payments_dispute TO {serving}",
        "GRANT UPDATE (status) ON payments_dispute TO {operator}",
        "GRANT INSERT ON payments_disputefact TO {operator}",
    ],
    "outbox-rights-as-listed": [
        "GRANT DELETE ON outbox_lapse TO {serving}",
        "GRANT DELETE ON outbox_message TO {operator}",
        "GRANT UPDATE (failures) ON outbox_message TO {operator}",
    ],
    "webhooks-rights-as-listed": [
        "GRANT UPDATE (content) ON webhooks_providerevent TO {serving}",
        "GRANT DELETE ON webhooks_providerevent TO {serving}",
        "GRANT UPDATE (closed_at) ON webhooks_providerevent TO {serving}",
        "GRANT UPDATE (applied_at) ON webhooks_providerevent TO {operator}",
        "GRANT UPDATE ON webhooks_body TO {serving}",
        "GRANT UPDATE (endpoint_id) ON webhooks_delivery TO {serving}",
        "GRANT DELETE ON webhooks_deliveryattempt TO {serving}",
        "GRANT SELECT ON webhooks_endpointsecret TO {operator}",
        "GRANT UPDATE (url) ON webhooks_endpoint TO {operator}",
    ],
    "core-rights-as-listed": [
        "GRANT UPDATE (body) ON core_idempotencyrecord TO {serving}",
        "GRANT SELECT (body) ON core_idempotencyrecord TO {operator}",
        "GRANT SELECT ON core_apikey TO {operator}",
        "GRANT UPDATE (scopes) ON core_apikey TO {operator}",
        "GRANT INSERT ON core_auditentry TO {serving}",
        "GRANT SELECT (id, action) ON core_auditentry TO {serving}",
        "GRANT UPDATE (reason) ON core_auditentry TO {operator}",
    ],
    "django-rights-as-listed": [
        "GRANT SELECT ON auth_user TO {serving}",
        "GRANT SELECT (session_data) ON django_session TO {serving}",
        "GRANT DELETE ON auth_user TO {operator}",
        "GRANT UPDATE ON django_admin_log TO {operator}",
    ],
}
