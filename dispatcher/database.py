"""What a failing database looks like, and when it is only somebody in the way."""

from django.db import InterfaceError, OperationalError

from core.db import needs_transaction, rows

TROUBLE = (OperationalError, InterfaceError)
# Lock time-out, deadlock, serialization failure, statement time-out, a pooler that is met for the
# first time (core.prepared): the connection still works.
_IN_THE_WAY = {"55P03", "40P01", "40001", "57014", "26000", "42P05", "SQLITE_BUSY"}
# What one message may wait for a lock while others wait for it.
LOCK_PATIENCE = "300ms"
_WAIT_BRIEFLY = "SELECT set_config('lock_timeout', %s, true)"


def is_in_the_way(error: Exception) -> bool:
    """Tell whether somebody else's work stopped us, and not the loss of the database."""
    cause = error.__cause__ or error
    name = getattr(cause, "pgcode", None) or getattr(cause, "sqlite_errorname", None)
    return name in _IN_THE_WAY


@needs_transaction
def wait_briefly_for_locks() -> None:
    """Give up soon on locks in this transaction."""
    rows(_WAIT_BRIEFLY, [LOCK_PATIENCE])
