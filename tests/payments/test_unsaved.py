"""A payment before it has a row is what the ORM would make of it."""

import dataclasses
from typing import Any

from core.ids import uuid7
from payments import bookkeeping
from payments.models import Payment
from payments.representation import payment_members
from payments.unsaved import NewPayment

ASKED: dict[str, Any] = {
    "id": uuid7(),
    "merchant_id": uuid7(),
    "mode": "test",
    "amount": 1000,
    "currency": "INR",
    "gateway": "mock_success",
}


def names(form):
    constants = {name for name, kind in form.__annotations__.items() if "ClassVar" in str(kind)}
    return {field.name for field in dataclasses.fields(form)} | constants


def test_what_is_not_asked_for_is_as_in_a_new_row():
    new, row = NewPayment(**ASKED), Payment(**ASKED)

    assert {name: getattr(new, name) for name in names(NewPayment)} == {
        name: getattr(row, name) for name in names(NewPayment)
    }


def test_it_is_shown_and_booked_like_a_row():
    asked = {**ASKED, "reference": "order-1", "metadata": {"cart": "7"}}
    new, row = NewPayment(**asked), Payment(**asked)

    assert payment_members(new) == payment_members(row)
    assert bookkeeping.created(new) == bookkeeping.created(row)


def test_its_row_has_all_of_it():
    new = NewPayment(**ASKED, description="two tins", return_url="https://shop.example/back")

    row = new.row()

    assert {name: getattr(row, name) for name in names(NewPayment)} == {
        name: getattr(new, name) for name in names(NewPayment)
    }
