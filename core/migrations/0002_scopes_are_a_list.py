"""A key's scopes are a list of texts: anything else would be read as a grant by mistake."""

from django.db import migrations

from core.schema import PostgresSQL


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]

    operations = [
        PostgresSQL(
            """
            ALTER TABLE core_apikey ADD CONSTRAINT api_key_scopes_are_a_list CHECK (
                jsonb_typeof(scopes) = 'array'
                AND NOT jsonb_path_exists(scopes, 'strict $[*] ? (@.type() != "string")'))
            """,
            "ALTER TABLE core_apikey DROP CONSTRAINT api_key_scopes_are_a_list",
        )
    ]
