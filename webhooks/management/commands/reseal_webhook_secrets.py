"""Seals every signing secret with the current key, so that the others can be taken away."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webhooks import keeping
from webhooks.sealing import CannotOpen, current_key_id


class Command(BaseCommand):
    help = "Seal webhook secrets with the first of WEBHOOK_SECRET_KEYS; safe on a live system."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say how many there were."""
        try:
            done = keeping.reseal()
        except CannotOpen as error:
            raise CommandError(str(error)) from None
        print(f"{done} sealed anew; all secrets are sealed with the key {current_key_id()!r}")
