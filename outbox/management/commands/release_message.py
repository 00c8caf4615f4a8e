"""`manage.py release_message`: let a held message run."""

from typing import ClassVar

from outbox.management.acting import ActCommand
from outbox.operating import release
from outbox.waking import wake


class Command(ActCommand):
    help = (
        "Show an outbox message, and with --epoch and --reason let a held one run. "
        "The epoch is the one shown, so that a message that changed meanwhile is refused."
    )
    act: ClassVar = staticmethod(release)

    def done(self, lane: str, epoch: int) -> None:
        """Say what is so now."""
        wake(lane)
        self.stdout.write(f"Due now in lane {lane}, at epoch {epoch}.")
