"""What a client asks us to do, read strictly."""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from simulator import faults

Kind = Literal["charge", "capture", "void", "refund"]
KINDS: tuple[Kind, ...] = ("charge", "capture", "void", "refund")
AMOUNT_MAX = 10**12
TEXT_LENGTH_MAX = 500
_CURRENCY = re.compile(r"[A-Z]{3}")
# It becomes a header of an answer.
_ADDRESS = re.compile(r"https?://[!-~]+")


class Refused(Exception):
    """A request that we do not carry out, and why."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One request that may move money."""

    kind: Kind
    reference: str
    key: str
    body_sha256: str
    charge: str = ""
    charge_reference: str = ""
    amount: int | None = None
    currency: str = ""
    payment_method: str = ""
    description: str = ""
    reason: str = ""
    captures: bool = True
    return_url: str = ""
    simulate: str = ""

    @property
    def request(self) -> str:
        """What a key stands for: the same key with anything else is a mistake."""
        return f"{self.kind} {self.charge} {self.body_sha256}"


def read(kind: Kind, raw: bytes, key: str, charge: str = "") -> Order:
    """Read a request's body.

    :raises Refused: if it is not what the API asks for
    """
    content = parsed(raw)
    is_new = kind in {"charge", "refund"}
    order = Order(
        kind=kind,
        reference=_text(content, "reference", required=is_new) or charge,
        key=key,
        body_sha256=hashlib.sha256(raw).hexdigest(),
        charge=charge or _text(content, "charge"),
        charge_reference=_text(content, "charge_reference"),
        amount=_amount(content, required=is_new),
        currency=_currency(content) if is_new else "",
        payment_method=_text(content, "payment_method"),
        description=_text(content, "description"),
        reason=_text(content, "reason"),
        captures=content.get("capture", True) is not False,
        return_url=_address(content),
        simulate=_simulate(content),
    )
    if kind == "refund" and not (order.charge or order.charge_reference):
        raise Refused(422, "charge_missing", "a refund names its charge")
    return order


def parsed(raw: bytes) -> dict[str, Any]:
    """Return the members of a JSON object.

    :raises Refused: if it is none
    """
    try:
        content = json.loads(raw or b"{}")
    except (ValueError, RecursionError) as error:
        raise Refused(400, "malformed", "the body is not JSON") from error
    if not isinstance(content, dict):
        raise Refused(400, "malformed", "the body is not a JSON object")
    return content


def _simulate(content: dict[str, Any]) -> str:
    metadata = content.get("metadata")
    token = metadata.get("simulate", "") if isinstance(metadata, dict) else ""
    for candidate in (token, content.get("reason", ""), content.get("payment_method", "")):
        if isinstance(candidate, str) and (names := faults.names_in(candidate)):
            return names
    return ""


def _text(content: dict[str, Any], name: str, *, required: bool = False) -> str:
    value = content.get(name) or ""
    if not isinstance(value, str) or len(value) > TEXT_LENGTH_MAX or (required and not value):
        raise Refused(422, f"{name}_invalid", f"{name} is a text of at most {TEXT_LENGTH_MAX}")
    # Half of a surrogate pair cannot be kept as text.
    return value.encode(errors="replace").decode()


def _address(content: dict[str, Any]) -> str:
    value = _text(content, "return_url")
    if value and not _ADDRESS.fullmatch(value):
        raise Refused(422, "return_url_invalid", "return_url is an http or https address")
    return value


def _amount(content: dict[str, Any], *, required: bool) -> int | None:
    value = content.get("amount")
    if value is None and not required:
        return None
    if type(value) is not int or not 0 < value <= AMOUNT_MAX:
        raise Refused(422, "amount_invalid", "amount is a whole number of minor units above 0")
    return value


def _currency(content: dict[str, Any]) -> str:
    value = content.get("currency")
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        raise Refused(422, "currency_invalid", "currency has three letters, as in ISO 4217")
    return value
