"""Which handler carries out which kind of message: the urls.py of the background."""

from functools import lru_cache

from outbox.handling import CallingHandler, Handler
from payments.handlers import OperationHandler
from webhooks.applying import ProviderEventHandler

HANDLERS: tuple[Handler, ...] = (OperationHandler(), ProviderEventHandler())
ROUTES: dict[str, Handler] = {kind: handler for handler in HANDLERS for kind in handler.kinds}


@lru_cache(maxsize=1000)
def is_local(kind: str) -> bool:
    """Tell whether this is a kind whose work is all ours: nobody is called."""
    return kind in ROUTES and not isinstance(ROUTES[kind], CallingHandler)
