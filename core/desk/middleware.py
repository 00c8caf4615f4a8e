"""What only the desk's pages need of a request: another role, a session, a user, messages.

Everywhere else these would be looked at in vain, many times a second.
"""

from typing import Any

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.deprecation import MiddlewareMixin

from core.db import OPERATOR, acting_as
from core.middleware import DESK, Next


class OnlyAtTheDesk(MiddlewareMixin):
    """Lets every other request pass by, and by those that follow it and do the same."""

    def __init__(self, get_response: Next) -> None:
        super().__init__(get_response)
        # Django calls a layer through a function that has the attributes of the layer.
        self.elsewhere: Next = getattr(get_response, "elsewhere", get_response)

    def __call__(self, request: HttpRequest) -> Any:
        if not request.path_info.startswith(DESK):
            return self.elsewhere(request)
        return self.at_the_desk(request)

    def at_the_desk(self, request: HttpRequest) -> Any:
        """Do what the layer is there for."""
        return super().__call__(request)


class ActAsOperator(OnlyAtTheDesk):
    """Has everything under /admin/ act as the operator, in the database, too (ADR 0011)."""

    def at_the_desk(self, request: HttpRequest) -> Any:
        """Use the operator's connection for all that follows."""
        with acting_as(OPERATOR):
            return self.get_response(request)


class DeskSession(OnlyAtTheDesk, SessionMiddleware):
    """Sessions of operators."""


class DeskCsrf(OnlyAtTheDesk, CsrfViewMiddleware):
    """Sees, everywhere, that no form of another site is taken: only the desk's have a cookie."""


class DeskAuthentication(OnlyAtTheDesk, AuthenticationMiddleware):
    """Who sits at the desk."""


class DeskMessages(OnlyAtTheDesk, MessageMiddleware):
    """What the next page says of an act."""
