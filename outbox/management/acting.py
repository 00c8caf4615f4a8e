"""What the commands that act on one message have in common."""

import getpass
from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.audit import ActRefused, says_something
from outbox.models import Message
from outbox.operating import word

_SHOWN = ("kind", "lane", "subject_id", "epoch", "starts", "failures", "lost", "available_at")


class ActCommand(BaseCommand):
    """Shows a message, and acts on it at the epoch that was shown."""

    act: ClassVar[Callable[..., str]]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("message", type=UUID, help="the message's id")
        parser.add_argument("--epoch", type=int, help="the epoch you saw")
        parser.add_argument("--reason", help="why, for the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        """Show or act.

        :raises CommandError: if there is no such message, or this must not be done to it
        """
        message = Message.objects.filter(id=options["message"]).first()
        if message is None:
            missing = f"there is no message {options['message']}"
            raise CommandError(missing)
        if options["epoch"] is None:
            self._show(message)
            return
        if not says_something(options["reason"] or ""):
            missing = "say why with --reason"
            raise CommandError(missing)
        try:
            lane = type(self).act(
                message.id,
                epoch=options["epoch"],
                state=message.state,
                actor=f"command line ({getpass.getuser()})",
                reason=options["reason"],
            )
        except ActRefused as refusal:
            raise CommandError(str(refusal)) from None
        self.done(lane, options["epoch"] + 1)

    def done(self, lane: str, epoch: int) -> None:
        """Say what is so now."""
        raise NotImplementedError

    def _show(self, message: Message) -> None:
        for name in _SHOWN:
            self.stdout.write(f"{name:12} {getattr(message, name)}")
        self.stdout.write(f"{'state':12} {word(message.state)}")
        self.stdout.write(f"{'last_error':12} {message.last_error}")
