"""What the merchants' doors have in common: DRF's way, less what it works out for each request."""

from typing import Any

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

_allowed: dict[tuple[Any, ...], list[str]] = {}


class Door(ViewSet):
    """Answers as any view set does."""

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """Return DRF's request, which has at hand what is asked of it most often."""
        wrapped: Request = super().initialize_request(request, *args, **kwargs)
        # It would look in vain for each of these before it asks the other.
        wrapped.META, wrapped.method = request.META, request.method
        return wrapped

    @property
    def allowed_methods(self) -> list[str]:
        """Return the methods of this address, which are the same for all its requests."""
        key = (type(self), *self.action_map)
        if key not in _allowed:
            _allowed[key] = super().allowed_methods
        return _allowed[key]

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Add the headers of every answer."""
        # A new answer has no list that would have to be taken apart first.
        if "Vary" in self.headers and "Vary" not in response:
            response["Vary"] = self.headers.pop("Vary")
        return super().finalize_response(request, response, *args, **kwargs)
