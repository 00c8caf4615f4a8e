"""Providers that hold a worker at the very moment a test wants to meet it in."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from gateways.base import Charge, Deadline, Found, NotFound, NotSent, Outcome, Query
from gateways.providers.mock import Mock

HANG_BEFORE = "tok_hang_before"
HANG_AFTER = "tok_hang_after"
POISON = "tok_poison"
# Long enough to be frozen or killed in, short enough to answer in time when nobody does.
HANG_SECONDS = 1.5


class Hanging(Mock):
    """Is slow with the first send of a charge, before or after the money moves."""

    def charge(self, charge: Charge, deadline: Deadline) -> Outcome:
        """Take money."""
        is_first = self._book.first_time(str(charge.operation_id), "hang")
        if is_first and charge.payment_method == HANG_BEFORE:
            time.sleep(HANG_SECONDS)
        outcome = super().charge(charge, deadline)
        if is_first and charge.payment_method == HANG_AFTER:
            time.sleep(HANG_SECONDS)
        return outcome


class Poison(Mock):
    """Kills the process that sends a certain charge."""

    def charge(self, charge: Charge, deadline: Deadline) -> Outcome:
        """Take money, or a life."""
        if charge.payment_method == POISON:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().charge(charge, deadline)


class Down(Mock):
    """Cannot be reached, until somebody switches it on."""

    def __init__(self, *, database: str, **options: Any) -> None:
        super().__init__(database=database, **options)
        self._switch = self._switch_of(Path(database))

    @staticmethod
    def _switch_of(database: Path) -> Path:
        return database.with_suffix(".on")

    @classmethod
    def switch_on(cls, database: Path) -> None:
        """Bring the provider back."""
        cls._switch_of(database).touch()

    def _reach(self) -> None:
        if not self._switch.exists():
            message = "no route to host"
            raise NotSent(message, code="unreachable")

    def charge(self, charge: Charge, deadline: Deadline) -> Outcome:
        """Take money."""
        self._reach()
        return super().charge(charge, deadline)

    def find(self, query: Query, deadline: Deadline) -> Found | NotFound:
        """Look up."""
        self._reach()
        return super().find(query, deadline)
