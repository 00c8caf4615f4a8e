"""`manage.py rebuild_balances`: make the snapshots of the books again."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core import db
from ledger import rollup

# About what the dispatcher needs for a block.
PAUSE_SECONDS = 0.05


class Command(BaseCommand):
    help = (
        "Forget the sums that balances start from, and make them again from the books. Needed if "
        "verify finds ledger-snapshots-equal-sums broken; safe on a live system. Balances are "
        "exact all the time, but slow until this is done."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Begin anew, and go on until nothing is left.

        :raises CommandError: if the database is not PostgreSQL, where there are no snapshots
        """
        if db.connection().vendor != "postgresql":
            raise CommandError("There are no snapshots but on PostgreSQL.")
        rollup.begin_anew()
        total = 0
        while (added := rollup.add_block()) != 0:
            if added is None:
                time.sleep(PAUSE_SECONDS)  # the dispatcher is at it, which is as good
                continue
            total += added
            self.stdout.write(f"… {total} transactions")
        self.stdout.write("The snapshots are made again.")
