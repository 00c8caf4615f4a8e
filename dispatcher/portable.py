"""What the dispatcher's statements mean where there are no row locks (``core.meanings``)."""

from core.meanings import Rows, means
from dispatcher.database import _WAIT_BRIEFLY


@means(_WAIT_BRIEFLY)
def wait_briefly(patience: str) -> Rows:
    """Do nothing: the transaction waited as it began, and meets no lock any more."""
    return []
