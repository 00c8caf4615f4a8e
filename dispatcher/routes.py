"""Which handler carries out which kind of message: the urls.py of the background."""

from outbox.handling import Handler
from payments.handlers import OperationHandler
from webhooks.applying import ProviderEventHandler

HANDLERS: tuple[Handler, ...] = (OperationHandler(), ProviderEventHandler())
ROUTES: dict[str, Handler] = {kind: handler for handler in HANDLERS for kind in handler.kinds}
