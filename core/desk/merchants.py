"""The pages of merchants: who is paid, with which keys, and what may be done about one."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminTextInputWidget
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from core import known, merchants
from core.audit import last_act
from core.desk import words
from core.desk.acts import Acting, Deed, Order, acts_on, refusing
from core.desk.forms import ForOne, WithReason, fill, new_page, page_context, permit
from core.desk.pages import ROWS_MAX, Act, Section, section
from core.models import ApiKey, Merchant, MerchantStatus

# What rooms above this one have to say of a merchant.
MORE: list[Callable[[Merchant], Section]] = []
TONES = {"active": "good", "suspended": "warn", "closed": "calm"}


class _Merchant(forms.Form):
    """Who is paid, and by which gateway unless a payment names another."""

    name = forms.CharField(max_length=200, widget=AdminTextInputWidget)
    default_gateway = forms.ChoiceField(choices=lambda: [(n, n) for n in known.gateway_names()])


class NewMerchantForm(ForOne, _Merchant):
    """A merchant that is not there yet."""


class MerchantForm(WithReason, _Merchant):
    """A merchant, as somebody saw it."""

    seen_as = forms.CharField(widget=forms.HiddenInput, required=False)


def deed(act: Callable[..., None], done: str, **seen: str) -> Callable[[Order], str]:
    """Return an act as a page carries it out; ``seen`` says what of the sight it is told."""

    def carry_out(order: Order) -> str:
        told = {name: order.seen[of] for name, of in seen.items()}
        act(order.id, actor=order.actor, reason=order.reason, **told)
        return done

    return refusing(carry_out)


def _is(*statuses: MerchantStatus) -> Callable[[Merchant], bool]:
    return lambda merchant: merchant.status in statuses


DEEDS = (
    Deed(
        "suspend",
        "Suspend",
        "Its keys are refused from the next request on. What was accepted is carried out.",
        "core.suspend_merchant",
        _is(MerchantStatus.ACTIVE),
        deed(merchants.suspend, "The merchant is suspended.", seen_as="sight"),
    ),
    Deed(
        "reactivate",
        "Reactivate",
        "Its keys are good again from the next request on.",
        "core.reactivate_merchant",
        _is(MerchantStatus.SUSPENDED),
        deed(merchants.reactivate, "The merchant is active again.", seen_as="sight"),
    ),
    Deed(
        "close",
        "Close",
        "Its keys are refused for ever. This cannot be taken back.",
        "core.close_merchant",
        _is(MerchantStatus.ACTIVE, MerchantStatus.SUSPENDED),
        deed(merchants.close, "The merchant is closed.", seen_as="sight"),
    ),
)


class MerchantPages(Acting):
    """Merchants."""

    deeds = DEEDS
    list_display = ("id", "name", "state", "default_gateway", "created")
    search_help_text = "The whole id of a merchant."
    empty = "There is no merchant yet: add one, then issue a key."

    @admin.display(description="status")
    def state(self, row: Merchant) -> Any:
        """Return the status on its colour."""
        return words.tinted(row.status, TONES)

    @admin.display(description="created")
    def created(self, row: Merchant) -> str:
        """Return when it was made."""
        return words.moment(row.created_at)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Tell whether this person may make one."""
        return bool(request.user.has_perm("core.add_merchant"))

    def get_urls(self) -> list[URLPattern]:
        """Add the page that changes a merchant."""
        view = self.admin_site.admin_view(self.edit_view)
        return [
            path("<uuid:object_id>/edit/", view, name="core_merchant_edit"),
            *super().get_urls(),
        ]

    def fact(self, row: Merchant, one: Any) -> Any:
        """Return what one column says."""
        return self.state(row) if one.name == "status" else super().fact(row, one)

    def sight(self, row: Merchant) -> str:
        """Return a mark of what people did to it."""
        return last_act(row.pk)

    def acts(self, request: HttpRequest, row: Merchant) -> list[Act]:
        """Return what this person may do here now."""
        found = super().acts(request, row)
        if row.status == MerchantStatus.CLOSED:
            return found
        if request.user.has_perm("core.change_merchant"):
            address = reverse("admin:core_merchant_edit", args=[row.pk])
            found.append(Act("Change", "Its name, or where its payments go from now on.", address))
        if request.user.has_perm("core.issue_apikey"):
            address = f"{reverse('admin:core_apikey_add')}?{urlencode({'merchant': row.pk})}"
            found.append(Act("Issue a key", "A new key, shown once.", address))
        return found

    def sections(self, row: Merchant) -> list[Section]:
        """Return its keys, what other rooms know of it, and what was done by hand."""
        keys = ApiKey.objects.filter(merchant=row).defer("secret_sha256").order_by("-id")
        return [
            section(
                "API keys",
                ("Key", "Mode", "Name", "Scopes", "Created", "Expires", "Revoked"),
                [
                    (
                        words.to(key, f"…{key.last_four}"),
                        key.mode,
                        words.said(key.name),
                        ", ".join(key.scopes),
                        words.moment(key.created_at),
                        words.moment(key.expires_at),
                        words.moment(key.revoked_at),
                    )
                    for key in keys[: ROWS_MAX + 1]
                ],
                "It has no key, so it cannot call the API.",
            ),
            *(more(row) for more in MORE),
            acts_on([row.pk]),
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Make a merchant."""
        permit(request, "core.add_merchant")

        def made(form: forms.Form, actor: str) -> HttpResponse:
            asked = dict(form.cleaned_data)
            merchant_id = asked.pop("page")
            merchants.open_merchant(merchant_id=merchant_id, **asked, actor=actor)
            return self._back(request, merchant_id, "made")

        page = page_context(self, request, "Add a merchant", "Add")
        form = NewMerchantForm(request.POST or None, initial={"page": new_page()})
        return fill(request, form, made, page)

    def edit_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Change a merchant."""
        permit(request, "core.change_merchant")
        row = self.seen(request, str(object_id))

        def changed(form: forms.Form, actor: str) -> HttpResponse:
            merchants.change_merchant(object_id, **form.cleaned_data, actor=actor)
            return self._back(request, object_id, "changed")

        initial = {
            "name": row.name,
            "default_gateway": row.default_gateway,
            "seen_as": last_act(row.pk),
        }
        page = page_context(self, request, f"Change {row.name}", "Change")
        return fill(request, MerchantForm(request.POST or None, initial=initial), changed, page)

    def _back(self, request: HttpRequest, merchant_id: UUID, what: str) -> HttpResponse:
        messages.success(request, f"The merchant is {what}.")
        return HttpResponseRedirect(reverse("admin:core_merchant_change", args=[merchant_id]))
