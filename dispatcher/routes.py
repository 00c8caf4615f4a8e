"""Which handler carries out which kind of message: the urls.py of the background."""

from collections.abc import Sequence
from functools import lru_cache

from dispatcher.numbering import FanOut
from outbox.handling import CallingHandler, Handler
from payments.handlers import OperationHandler
from webhooks.applying import ProviderEventHandler
from webhooks.delivering import DeliveryHandler
from webhooks.fanout import fan_out

HANDLERS: tuple[Handler, ...] = (OperationHandler(), ProviderEventHandler(), DeliveryHandler())
# Who hears of events as they get their numbers, in the transaction that gives them.
FAN_OUT: Sequence[FanOut] = (fan_out,)
ROUTES: dict[str, Handler] = {kind: handler for handler in HANDLERS for kind in handler.kinds}


@lru_cache(maxsize=1000)
def is_local(kind: str) -> bool:
    """Tell whether this is a kind whose work is all ours: nobody is called."""
    return kind in ROUTES and not isinstance(ROUTES[kind], CallingHandler)
