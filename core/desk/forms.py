"""Pages with a form and a reason: what is made or changed by hand."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from core.audit import REASON_LENGTH_MAX, ActRefused, says_something
from core.ids import uuid7

_SALT = "desk.page"
# Longer than anybody looks at a form.
_PAGE_SECONDS_MAX = 24 * 3600

# Does what the form asks for, in the name of somebody, and answers.
Fill = Callable[[forms.Form, str], HttpResponse]


class WithReason(forms.Form):
    """A form that says why."""

    reason = forms.CharField(
        max_length=REASON_LENGTH_MAX,
        widget=AdminTextareaWidget(attrs={"rows": 3}),
        help_text="Kept in the audit log, with your name.",
    )

    field_order: Any = None

    def clean_reason(self) -> str:
        """Return why.

        :raises ValidationError: if no word of it can be read
        """
        reason: str = self.cleaned_data["reason"]
        if not says_something(reason):
            message = "Say why, in words."
            raise forms.ValidationError(message)
        return reason

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.order_fields([name for name in self.fields if name != "reason"])


class ForOne(WithReason):
    """A form that makes one thing, however often it is sent: its page has given it an id."""

    page = forms.CharField(widget=forms.HiddenInput)

    def clean_page(self) -> UUID:
        """Return the id that what this page makes is to have.

        :raises ValidationError: if we did not make this page, or long ago
        """
        try:
            text = signing.loads(self.cleaned_data["page"], salt=_SALT, max_age=_PAGE_SECONDS_MAX)
        except signing.BadSignature:
            message = "This page is too old; open a new one."
            raise forms.ValidationError(message) from None
        return UUID(text)


def new_page() -> str:
    """Return what a page for one new thing holds."""
    return signing.dumps(str(uuid7()), salt=_SALT)


def permit(request: HttpRequest, permission: str) -> None:
    """Let nobody in who may not do this.

    :raises PermissionDenied: if they may not
    """
    if not request.user.has_perm(permission):
        raise PermissionDenied


def fill(
    request: HttpRequest, form: forms.Form, fill_in: Fill, page: dict[str, Any]
) -> HttpResponse:
    """Show the form, or do what it asks for; a refusal is shown beside it."""
    if request.method == "POST" and form.is_valid():
        try:
            return fill_in(form, request.user.get_username())
        except ActRefused as refused:
            form.add_error(None, str(refused)[:1].upper() + str(refused)[1:] + ".")
    return TemplateResponse(request, "desk/form.html", {**page, "form": form})


def page_context(admin: Any, request: HttpRequest, title: str, button: str) -> dict[str, Any]:
    """Return what the page around a form needs."""
    model: type[Model] = admin.model
    return {
        **admin.admin_site.each_context(request),
        "title": title,
        "button": button,
        "opts": model._meta,
    }
