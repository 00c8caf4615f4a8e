"""Serializer fields that take what they are given or refuse it, and never convert.

A wrong type, an unknown or a read-only member is a wrong form (400); the right type with a value
we do not take is refused by a slug of its own (422).
"""

import re
from functools import cache, cached_property
from typing import Any, NoReturn

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.fields import empty

from core import money
from core.addresses import ADDRESS_LENGTH, is_web_address

# A half of a surrogate pair is as little text.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

METADATA_KEYS = 50
METADATA_KEY_LENGTH = 40
METADATA_VALUE_LENGTH = 500


def _refuse(detail: str, slug: str = "value-invalid") -> NoReturn:
    raise ValidationError(detail, code=slug)


def _check_string(value: Any, max_length: int | None, control: re.Pattern[str] = _CONTROL) -> str:
    if not isinstance(value, str):
        raise ValidationError("Must be a string.", code="wrong-type")
    if not value.strip():
        _refuse("May not be blank.")
    if max_length is not None and len(value) > max_length:
        _refuse(f"May have at most {max_length} characters.")
    if control.search(value):
        _refuse("May not hold control characters.")
    return value


class ChecksItself:
    """A field that looks at a value in ``to_internal_value``, once.

    DRF makes validators of its bounds, too: they are for the OpenAPI document alone.
    """

    def __init__(self, **options: Any) -> None:
        if unseen := options.keys() & {"validators", "min_length"}:
            message = f"this field checks its value itself, without {sorted(unseen)}"
            raise TypeError(message)
        super().__init__(**options)

    def run_validators(self, value: Any) -> None:
        """Leave it at what was checked."""


class StrictInteger(ChecksItself, serializers.IntegerField):
    """An integer token within bounds; ``slug`` is the refusal of one outside them."""

    def __init__(self, *, slug: str = "value-invalid", **options: Any) -> None:
        super().__init__(**options)
        self.slug = slug

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            raise ValidationError("Must be an integer, written as one.", code="wrong-type")
        if self.min_value is not None and data < self.min_value:
            _refuse(f"Must be at least {self.min_value}.", self.slug)
        if self.max_value is not None and data > self.max_value:
            _refuse(f"Must be at most {self.max_value}.", self.slug)
        return data


class StrictAmount(StrictInteger):
    """An amount in minor units."""

    def __init__(self, **options: Any) -> None:
        bounds = {"min_value": money.MIN_AMOUNT, "max_value": money.MAX_AMOUNT}
        super().__init__(slug="amount-invalid", **{**bounds, **options})


class StrictString(ChecksItself, serializers.CharField):
    """A string that is not blank; ``multiline`` ones may hold tabs and line feeds."""

    def __init__(self, *, multiline: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.control = _CONTROL_BUT_LINES if multiline else _CONTROL

    def run_validation(self, data: Any = empty) -> Any:
        # CharField would trim and convert here.
        return super(serializers.CharField, self).run_validation(data)

    def to_internal_value(self, data: Any) -> str:
        return _check_string(data, self.max_length, self.control)


@extend_schema_field({"type": "string", "pattern": "^[A-Z]{3}$", "example": "INR"})
class StrictCurrency(StrictString):
    """An upper-case ISO 4217 code whose minor unit has 0, 2 or 3 decimals."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise ValidationError("Must be a string.", code="wrong-type")
        if money.exponent(data) is None:
            _refuse("Must be a supported ISO 4217 code in capitals.", "currency-unsupported")
        return data


class StrictChoice(serializers.ChoiceField):
    """One of some strings."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise ValidationError("Must be a string.", code="wrong-type")
        if data not in self.choices:
            _refuse("Is not one of the known values.")
        return data


@extend_schema_field({"type": "string", "format": "uri", "maxLength": ADDRESS_LENGTH})
class StrictURL(StrictString):
    """An absolute http or https address without credentials."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": ADDRESS_LENGTH, **options})

    def to_internal_value(self, data: Any) -> str:
        value = super().to_internal_value(data)
        if not is_web_address(value):
            _refuse("Must be an absolute http or https address.")
        return value


@extend_schema_field(
    {
        "type": "object",
        "maxProperties": METADATA_KEYS,
        "additionalProperties": {"type": "string", "maxLength": METADATA_VALUE_LENGTH},
    }
)
class StrictMetadata(serializers.Field):  # type: ignore[type-arg]  # generic in the stubs only
    """A merchant's own flat notes: few short names, string values."""

    def to_internal_value(self, data: Any) -> dict[str, str]:
        if not isinstance(data, dict):
            raise ValidationError("Must be an object.", code="wrong-type")
        if len(data) > METADATA_KEYS:
            _refuse(f"May have at most {METADATA_KEYS} members.")
        errors: dict[str, list[ErrorDetail]] = {}
        for name, value in data.items():
            try:
                self._check_member(name, value)
            except ValidationError as exc:
                errors[name] = exc.detail  # type: ignore[assignment]  # a list, for one string
        if errors:
            raise ValidationError(errors)
        return data

    @staticmethod
    def _check_member(name: str, value: Any) -> None:
        _check_string(name, METADATA_KEY_LENGTH)
        # An empty note is a note.
        if value != "":
            _check_string(value, METADATA_VALUE_LENGTH, _CONTROL_BUT_LINES)

    def to_representation(self, value: dict[str, str]) -> dict[str, str]:
        return value


class StrictSerializer(serializers.Serializer):  # type: ignore[type-arg]  # as above
    """An object whose every member is known and may be written.

    A member stands in the body under its own name, and has no default. What is checked is checked
    by a field: there are no ``validate`` methods, and no validators of the whole.
    """

    @classmethod
    def checked(cls, data: Any) -> dict[str, Any]:
        """Return the members of a body.

        One instance checks all bodies, because DRF copies every field for each new one.

        :raises ValidationError: with what is wrong, by member
        """
        members: dict[str, Any] = _instance(cls).to_internal_value(data)
        return members

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise ValidationError({"non_field_errors": ["Must be an object."]}, code="wrong-type")
        values: dict[str, Any] = {}
        errors: dict[str, Any] = self._foreign_members(data)
        for name, field in self._taken.items():
            # Most bodies leave most members out, and DRF would look at each of those, too.
            if name in data or field.required:
                try:
                    values[name] = field.run_validation(data.get(name, empty))
                except ValidationError as exc:
                    errors[name] = exc.detail
        if errors:
            raise ValidationError(errors)
        return values

    @cached_property
    def _taken(self) -> dict[str, Any]:
        return {name: field for name, field in self.fields.items() if not field.read_only}

    def _foreign_members(self, data: dict[str, Any]) -> dict[str, list[ErrorDetail]]:
        errors: dict[str, list[ErrorDetail]] = {}
        for name in data:
            if name in self._taken:
                continue
            if name in self.fields:
                errors[name] = [ErrorDetail("Is set by the service.", "read-only")]
            else:
                errors[name] = [ErrorDetail("Is not a member of this object.", "unknown-field")]
        return errors


@cache
def _instance(form: type[StrictSerializer]) -> StrictSerializer:
    return form()
