"""The pages of API keys: issued once to be seen, and revoked."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminSplitDateTime, AdminTextInputWidget
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from core import keys, known
from core.desk import words
from core.desk.acts import Acting, Deed, acts_on
from core.desk.forms import ForOne, fill, new_page, page_context, permit
from core.desk.merchants import deed
from core.desk.pages import Section
from core.models import ApiKey, Merchant, MerchantStatus, Mode


def _merchants() -> QuerySet[Merchant]:
    return Merchant.objects.exclude(status=MerchantStatus.CLOSED).order_by("name", "id")


class KeyForm(ForOne):
    """Whose key it is to be, and what it may do."""

    merchant = forms.ModelChoiceField(queryset=Merchant.objects.none())
    mode = forms.ChoiceField(choices=Mode.choices)
    name = forms.CharField(max_length=100, required=False, widget=AdminTextInputWidget)
    scopes = forms.MultipleChoiceField(
        choices=lambda: [(name, f"{name}: {text}") for name, text in known.scopes.items()],
        widget=forms.CheckboxSelectMultiple,
    )
    expires_at = forms.SplitDateTimeField(
        required=False, widget=AdminSplitDateTime, help_text="UTC. Left empty, it does not expire."
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["merchant"].queryset = _merchants()  # type: ignore[attr-defined]

    def clean_expires_at(self) -> Any:
        """Return when the key expires.

        :raises ValidationError: if that is over
        """
        at = self.cleaned_data["expires_at"]
        if at is not None and at <= timezone.now():
            message = "A key that has expired already is of no use."
            raise forms.ValidationError(message)
        return at


def _is_alive(key: ApiKey) -> bool:
    return key.revoked_at is None


class KeyPages(Acting):
    """API keys, without what opens the door."""

    deeds = (
        Deed(
            "revoke",
            "Revoke",
            "The next request with this key is refused. This cannot be taken back.",
            "core.revoke_apikey",
            _is_alive,
            deed(keys.revoke, "The key is revoked."),
        ),
    )
    list_display = ("id", "ending", "owner", "mode", "name", "state", "created")
    list_select_related = ("merchant",)
    search_help_text = "The whole id of a key, or of its merchant."
    found_by = ("pk", "merchant_id")
    empty = "There is no key yet: open a merchant's page to issue one."
    left_out = ("secret_sha256",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the keys, without what the operator's role may not read."""
        return super().get_queryset(request).defer("secret_sha256")

    @admin.display(description="ends in")
    def ending(self, row: ApiKey) -> str:
        """Return what people recognise a key by."""
        return f"…{row.last_four}"

    @admin.display(description="merchant")
    def owner(self, row: ApiKey) -> Any:
        """Return whose key it is."""
        return words.to(row.merchant, row.merchant.name)

    @admin.display(description="state")
    def state(self, row: ApiKey) -> Any:
        """Return whether it opens the door."""
        if row.revoked_at is not None:
            return words.mark("revoked", "calm")
        if row.expires_at is not None and row.expires_at <= timezone.now():
            return words.mark("expired", "calm")
        return words.mark("good", "good")

    @admin.display(description="created")
    def created(self, row: ApiKey) -> str:
        """Return when it was issued."""
        return words.moment(row.created_at)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Tell whether this person may issue one."""
        return bool(request.user.has_perm("core.issue_apikey"))

    def sections(self, row: ApiKey) -> list[Section]:
        """Return what was done by hand."""
        return [acts_on([row.pk])]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Issue a key, and show it on the next page only."""
        permit(request, "core.issue_apikey")
        page = page_context(self, request, "Issue an API key", "Issue")

        @sensitive_variables()
        def issued(form: forms.Form, actor: str) -> HttpResponse:
            asked = dict(form.cleaned_data)
            key_id, merchant = asked.pop("page"), asked.pop("merchant")
            secret = keys.issue(key_id=key_id, merchant_id=merchant.id, actor=actor, **asked)
            back = reverse("admin:core_apikey_change", args=[key_id])
            shown = {**page, "title": "The new API key", "secret": secret, "page": back}
            answer = TemplateResponse(request, "desk/issued.html", shown)
            answer["Cache-Control"] = "no-store"
            return answer

        initial = {"page": new_page(), "merchant": request.GET.get("merchant", "")}
        return fill(request, KeyForm(request.POST or None, initial=initial), issued, page)
