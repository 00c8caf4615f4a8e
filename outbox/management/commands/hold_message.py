"""`manage.py hold_message`: keep a waiting message from running."""

from typing import ClassVar

from outbox.management.acting import ActCommand
from outbox.operating import hold


class Command(ActCommand):
    help = (
        "Show an outbox message, and with --epoch and --reason keep a waiting one from running "
        "until it is released. "
        "The epoch is the one shown, so that a message that changed meanwhile is refused."
    )
    act: ClassVar = staticmethod(hold)

    def done(self, lane: str, epoch: int) -> None:
        """Say what is so now."""
        self.stdout.write(f"Held in lane {lane}, at epoch {epoch}.")
