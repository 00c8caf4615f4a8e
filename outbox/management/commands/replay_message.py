"""`manage.py replay_message`: make one stuck message due now."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from outbox.models import Message, State
from outbox.operating import ReplayRefused, replay
from outbox.waking import wake


class Command(BaseCommand):
    help = (
        "Show an outbox message, and with --epoch and --reason make it due now. "
        "The epoch is the one shown, so that a message that changed meanwhile is refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("message", type=UUID, help="the message's id")
        parser.add_argument("--epoch", type=int, help="the epoch you saw")
        parser.add_argument("--reason", help="why, for the log")

    def handle(self, *args: Any, **options: Any) -> None:
        """Show or replay.

        :raises CommandError: if there is no such message, or it must not be replayed
        """
        message = Message.objects.filter(id=options["message"]).first()
        if message is None:
            missing = f"there is no message {options['message']}"
            raise CommandError(missing)
        if options["epoch"] is None:
            self._show(message)
            return
        if not (options["reason"] or "").strip():
            missing = "say why with --reason"
            raise CommandError(missing)
        try:
            lane = replay(message.id, epoch=options["epoch"], reason=options["reason"])
        except ReplayRefused as refusal:
            raise CommandError(str(refusal)) from None
        wake(lane)
        self.stdout.write(f"Due now in lane {lane}, at epoch {options['epoch'] + 1}.")

    def _show(self, message: Message) -> None:
        for name in ("kind", "lane", "subject_id", "epoch", "starts", "failures", "lost"):
            self.stdout.write(f"{name:12} {getattr(message, name)}")
        self.stdout.write(f"{'state':12} {State(message.state).label}")
        self.stdout.write(f"{'last_error':12} {message.last_error}")
