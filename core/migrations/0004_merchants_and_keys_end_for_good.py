"""A closed merchant and a revoked key stay so; each act of an operator is a permission."""

from django.db import migrations

from core.schema import PostgresSQL


GUARDS = """
    CREATE TRIGGER core_merchant_closed_for_good BEFORE UPDATE ON core_merchant
        FOR EACH ROW WHEN (OLD.status = 'closed' AND NEW.status <> 'closed')
        EXECUTE FUNCTION core_refuse('a closed merchant stays closed');
    CREATE TRIGGER core_merchant_kept BEFORE DELETE ON core_merchant
        FOR EACH ROW EXECUTE FUNCTION core_refuse('a merchant is never deleted');
    CREATE TRIGGER core_apikey_revoked_for_good BEFORE UPDATE ON core_apikey
        FOR EACH ROW WHEN (
            OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at)
        EXECUTE FUNCTION core_refuse('a revoked key stays revoked');
    CREATE TRIGGER core_apikey_terms_fixed BEFORE UPDATE ON core_apikey
        FOR EACH ROW WHEN (
            (OLD.id, OLD.merchant_id, OLD.mode, OLD.secret_sha256, OLD.created_at) IS DISTINCT FROM
            (NEW.id, NEW.merchant_id, NEW.mode, NEW.secret_sha256, NEW.created_at))
        EXECUTE FUNCTION core_refuse('whose key it is never changes');
    CREATE TRIGGER core_apikey_kept BEFORE DELETE ON core_apikey
        FOR EACH ROW EXECUTE FUNCTION core_refuse('a key is never deleted');
    ALTER TABLE core_merchant ENABLE ALWAYS TRIGGER core_merchant_closed_for_good;
    ALTER TABLE core_merchant ENABLE ALWAYS TRIGGER core_merchant_kept;
    ALTER TABLE core_apikey ENABLE ALWAYS TRIGGER core_apikey_revoked_for_good;
    ALTER TABLE core_apikey ENABLE ALWAYS TRIGGER core_apikey_terms_fixed;
    ALTER TABLE core_apikey ENABLE ALWAYS TRIGGER core_apikey_kept;
"""
NO_GUARDS = """
    DROP TRIGGER core_merchant_closed_for_good ON core_merchant;
    DROP TRIGGER core_merchant_kept ON core_merchant;
    DROP TRIGGER core_apikey_revoked_for_good ON core_apikey;
    DROP TRIGGER core_apikey_terms_fixed ON core_apikey;
    DROP TRIGGER core_apikey_kept ON core_apikey;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0003_audit_log"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="apikey",
            options={
                "default_permissions": ["view"],
                "permissions": [
                    ("issue_apikey", "Can issue an API key"),
                    ("revoke_apikey", "Can revoke an API key"),
                ],
                "verbose_name": "API key",
            },
        ),
        migrations.AlterModelOptions(
            name="idempotencyrecord",
            options={"default_permissions": ["view"]},
        ),
        migrations.AlterModelOptions(
            name="merchant",
            options={
                "default_permissions": ["add", "change", "view"],
                "permissions": [
                    ("suspend_merchant", "Can suspend a merchant"),
                    ("reactivate_merchant", "Can let a suspended merchant in again"),
                    ("close_merchant", "Can close a merchant for good"),
                ],
            },
        ),
        PostgresSQL(GUARDS, NO_GUARDS),
    ]
