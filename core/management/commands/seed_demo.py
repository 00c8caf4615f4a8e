"""`manage.py seed_demo`: the demo merchant and its key, and somebody to sit at the desk."""

import os
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.auth import key_digest
from core.db import transaction
from core.models import ApiKey, Merchant, Mode

DEMO_MERCHANT = UUID("01900000-0000-7000-8000-000000000001")
DEMO_KEY = "test_api_key"
DEMO_GATEWAY = "mock_success"
DEMO_OPERATOR = "operator"


class Command(BaseCommand):
    help = (
        "Create the demo merchant and its API key test_api_key; with DEMO_OPERATOR_PASSWORD also "
        "the superuser operator with that password, unless there is one. Safe to repeat."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--in-production",
            action="store_true",
            help="create the well-known key although DEBUG is off",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Create what is missing.

        :raises CommandError: if ``DEBUG`` is off and nobody asked for it by name
        """
        if not settings.DEBUG and not options["in_production"]:
            message = (
                "The demo key is known to everybody, so it is refused while DEBUG is off. "
                "Pass --in-production if that is what you want."
            )
            raise CommandError(message)
        with transaction():
            merchant, _ = Merchant.objects.get_or_create(
                id=DEMO_MERCHANT,
                defaults={"name": "Demo merchant", "default_gateway": DEMO_GATEWAY},
            )
            _, is_new = ApiKey.objects.get_or_create(
                secret_sha256=key_digest(DEMO_KEY),
                defaults={
                    "merchant": merchant,
                    "mode": Mode.TEST,
                    "name": "demo",
                    "last_four": DEMO_KEY[-4:],
                    "scopes": ["*"],
                },
            )
        self.stdout.write("Created the demo merchant." if is_new else "The demo merchant is there.")
        password = os.environ.get("DEMO_OPERATOR_PASSWORD", "")
        if password and _make_operator(password):
            self.stdout.write("Created the demo operator.")


def _make_operator(password: str) -> bool:
    """Make the demo operator; False says that there is one, whose password stays theirs."""
    with transaction():
        if User.objects.filter(username=DEMO_OPERATOR).exists():
            return False
        User.objects.create_superuser(DEMO_OPERATOR, password=password)
    return True
