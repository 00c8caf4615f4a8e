"""API keys: who is asking, for which mode, and what they may do."""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from core.caches import process_caches
from core.db import rows
from core.logging import bind

KEY_LENGTH_MAX = 200
CACHED_KEYS_MAX = 10_000
ALL_SCOPES = "*"


@dataclass(frozen=True, slots=True)
class Principal:
    """The merchant and mode a request acts for."""

    key_id: UUID
    merchant_id: UUID
    mode: str
    scopes: frozenset[str]
    default_gateway: str
    is_authenticated: bool = True

    def may(self, scope: str) -> bool:
        """Tell whether the key carries this scope."""
        return scope in self.scopes or ALL_SCOPES in self.scopes


class KeyChanged(AuthenticationFailed):
    """A remembered key is good, and may do something else by now."""

    default_detail = "This API key is being changed; send the request again."


_remembered: dict[str, Principal] = {}
process_caches.append(_remembered.clear)

# What makes a key good; the create statement repeats it for a remembered one.
VALID_KEY = (
    "k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())"
    " AND m.status = 'active'"
)
_FIND_KEY = f"""
    SELECT k.id, k.merchant_id, k.mode, k.scopes, m.default_gateway
    FROM core_apikey k JOIN core_merchant m ON m.id = k.merchant_id
    WHERE k.secret_sha256 = %s AND {VALID_KEY}
"""  # noqa: S608 - both parts are constants


def principal_of(request: Request) -> Principal:
    """Return who an authenticated request acts for."""
    if not isinstance(request.user, Principal):
        message = "this view is open to anybody, so nobody is known"
        raise TypeError(message)
    return request.user


def key_digest(secret: str) -> str:
    """Return what is stored of a key."""
    return sha256(secret.encode()).hexdigest()


class ApiKeyAuthentication(BaseAuthentication):
    """Reads ``X-API-KEY``.

    An action named in the view's ``key_checked_in_statement`` checks a remembered key inside its
    own statement, so that it needs no query here and a revoked key still fails at once. A key that
    may do something else by now is read once more there.
    """

    def authenticate(self, request: Request) -> tuple[Principal, str]:
        """Return the principal and the digest of its key.

        :raises AuthenticationFailed: if the key is missing, unknown, revoked or expired
        """
        secret = request.META.get("HTTP_X_API_KEY", "")
        if not secret:
            message = "Send your API key in the X-API-KEY header."
            raise AuthenticationFailed(message)
        digest = key_digest(secret[: KEY_LENGTH_MAX + 1])
        principal = _remembered.get(digest) if _checks_itself(request) else None
        principal = principal or find_principal(digest)
        bind(merchant_id=str(principal.merchant_id))
        return principal, digest

    def authenticate_header(self, request: Request) -> str:
        """Return the value of ``WWW-Authenticate``."""
        return 'ApiKey realm="api", header="X-API-KEY"'


def find_principal(digest: str) -> Principal:
    """Look a key up and remember it.

    :raises AuthenticationFailed: if it is unknown, revoked or expired
    """
    found = rows(_FIND_KEY, [digest])
    if not found:
        forget(digest)
        message = "This API key is unknown, revoked or expired."
        raise AuthenticationFailed(message)
    key_id, merchant_id, mode, scopes, gateway = found[0]
    principal = Principal(key_id, merchant_id, mode, frozenset(_listed(scopes)), gateway)
    if len(_remembered) >= CACHED_KEYS_MAX:
        _remembered.clear()
    _remembered[digest] = principal
    return principal


def renew(request: Request) -> None:
    """Read the key of an authenticated request anew, with its scopes and its merchant's gateway.

    :raises AuthenticationFailed: if it is no longer good
    """
    request.user = find_principal(str(request.auth))  # type: ignore[assignment]  # no user


def forget(digest: str) -> None:
    """Drop a remembered key that turned out to be no longer good."""
    _remembered.pop(digest, None)


def _listed(scopes: Any) -> list[str]:
    """Return the scopes of a column; what is no list of texts grants nothing."""
    # A raw query gives a JSON column as text.
    found = json.loads(scopes) if isinstance(scopes, str) else scopes
    is_list = isinstance(found, list) and all(isinstance(scope, str) for scope in found)
    return found if is_list else []


def _checks_itself(request: Request) -> bool:
    view = (request.parser_context or {}).get("view")
    return getattr(view, "action", None) in getattr(view, "key_checked_in_statement", ())


class HasScope(BasePermission):
    """Asks the view which scope an action needs (``scopes = {action: scope}``)."""

    message = "This API key lacks the scope that this call needs."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the key may do this; an action without a scope is nobody's."""
        scope = getattr(view, "scopes", {}).get(getattr(view, "action", None))
        is_served = str(request.method).lower() in view.http_method_names
        if view.action is None or not is_served or request.method == "OPTIONS":
            return True  # DRF answers 405 or the metadata itself
        return scope is not None and principal_of(request).may(scope)
