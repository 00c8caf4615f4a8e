"""Which handler carries out which kind of message: the urls.py of the background."""

from collections.abc import Sequence
from functools import lru_cache

from dispatcher.numbering import FanOut
from outbox.handling import CallingHandler, Handler
from payments.handlers import OperationHandler
from webhooks.applying import ProviderEventHandler

HANDLERS: tuple[Handler, ...] = (OperationHandler(), ProviderEventHandler())
# Who hears of events as they get their numbers, in the transaction that gives them.
FAN_OUT: Sequence[FanOut] = ()
ROUTES: dict[str, Handler] = {kind: handler for handler in HANDLERS for kind in handler.kinds}


@lru_cache(maxsize=1000)
def is_local(kind: str) -> bool:
    """Tell whether this is a kind whose work is all ours: nobody is called."""
    return kind in ROUTES and not isinstance(ROUTES[kind], CallingHandler)
