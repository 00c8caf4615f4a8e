"""`manage.py replay_message`: make one stuck message due now."""

from typing import ClassVar

from outbox.management.acting import ActCommand
from outbox.operating import replay
from outbox.waking import wake


class Command(ActCommand):
    help = (
        "Show an outbox message, and with --epoch and --reason make it due now. "
        "The epoch is the one shown, so that a message that changed meanwhile is refused."
    )
    act: ClassVar = staticmethod(replay)

    def done(self, lane: str, epoch: int) -> None:
        """Say what is so now."""
        wake(lane)
        self.stdout.write(f"Due now in lane {lane}, at epoch {epoch}.")
