"""The pages of users and groups: Django's, with a reason for each change, and one rule more.

Nobody gives, or takes over, what they may not do themselves: a person who looks after users would
otherwise be one step away from everything.
"""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import (
    AdminPasswordChangeForm,
    AdminUserCreationForm,
    UserChangeForm,
)
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q
from django.http import HttpRequest, HttpResponse

from core import audit
from core.db import transaction
from core.desk.forms import WithReason

_PASSWORD_PAGE = "auth_user_password_change"  # noqa: S105 - the name of a page


class NewUserForm(WithReason, AdminUserCreationForm):  # type: ignore[type-arg]  # generic in the stubs only
    """A user who may do nothing yet."""


class PasswordForm(WithReason, AdminPasswordChangeForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Another password for somebody."""


class _Giving(WithReason):
    """A form that gives permissions. ``giver`` is who fills it in."""

    giver: User

    def clean(self) -> dict[str, Any]:
        """Refuse to give what the giver does not have.

        :raises ValidationError: with what that is
        """
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        asked = {*cleaned.get("user_permissions", []), *cleaned.get("permissions", [])}
        asked |= set(Permission.objects.filter(group__in=cleaned.get("groups", [])))
        missing = beyond(self.giver, asked)
        if missing:
            message = f"You cannot give what you may not do yourself: {', '.join(missing)}."
            raise forms.ValidationError(message)
        return cleaned


class UserForm(_Giving, UserChangeForm):  # type: ignore[type-arg]  # generic in the stubs only
    """A user, and what they may do."""


class GroupForm(_Giving, forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """What the members of a group may do."""


def _name(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"


def permissions_of(row: User | Group) -> list[str]:
    """Return what a user or a group was given, whether it is active or not."""
    if isinstance(row, Group):
        found = row.permissions.all()
    else:
        found = Permission.objects.filter(Q(user=row) | Q(group__user=row)).distinct()
    return sorted(_name(one) for one in found.select_related("content_type"))


def beyond(person: Any, asked: Iterable[Permission]) -> list[str]:
    """Return those of these permissions that this person does not have."""
    return sorted(name for one in asked if not person.has_perm(name := _name(one)))


def is_within(person: Any, row: User | Group) -> bool:
    """Test whether this person has all that a user or group has."""
    if isinstance(row, User) and row.is_superuser:
        return bool(person.is_superuser)
    return all(person.has_perm(name) for name in permissions_of(row))


class _Audited:
    """What the pages of users and of groups have in common."""

    opts: Any

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether this person may change that one."""
        may = super().has_change_permission(request, obj)  # type: ignore[misc]  # a mixin
        return bool(may) and (obj is None or is_within(request.user, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes a user or a group: who leaves is made inactive, and acts stay theirs."""
        return False

    def get_form(
        self,
        request: HttpRequest,
        obj: Any = None,
        change: bool = False,  # noqa: FBT001, FBT002 - Django's way
        **kwargs: Any,
    ) -> Any:
        """Return the form, which knows who fills it in."""
        form = super().get_form(request, obj, change=change, **kwargs)  # type: ignore[misc]  # a mixin
        form.giver = request.user
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's way
        """Save, and remember how it was."""
        obj.before = self.facts(type(obj).objects.get(pk=obj.pk)) if change else {}
        super().save_model(request, obj, form, change)  # type: ignore[misc]  # a mixin

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Tell of a new one."""
        self._tell(request, obj, "made")
        return super().log_addition(request, obj, message)  # type: ignore[misc]  # a mixin

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Tell of a change."""
        match = request.resolver_match
        is_password = match is not None and match.url_name == _PASSWORD_PAGE
        self._tell(request, obj, "password_set" if is_password else "changed")
        return super().log_change(request, obj, message)  # type: ignore[misc]  # a mixin

    def _tell(self, request: HttpRequest, obj: Any, what: str) -> None:
        kind = self.opts.model_name
        audit.record(
            actor=request.user.get_username(),
            action=f"{kind}.{what}",
            subject_type=kind,
            subject_id=str(obj.pk),
            reason=request.POST["reason"],  # the form has seen that it says something
            before=getattr(obj, "before", {}),
            after=self.facts(type(obj).objects.get(pk=obj.pk)),
        )

    def facts(self, row: Any) -> dict[str, Any]:
        """Return what a change may be about, and nothing secret."""
        raise NotImplementedError


class UserPages(_Audited, UserAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """People who may come to the desk."""

    form = UserForm
    add_form = NewUserForm
    change_password_form = PasswordForm
    change_user_password_template = "desk/password.html"  # noqa: S105 - a template

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Ask for a reason, too, of who may change something."""
        found = list(super().get_fieldsets(request, obj))
        if self.has_change_permission(request, obj):
            found.append(("Why", {"fields": ("reason",)}))
        return found

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Let only who may do everything let others do everything."""
        return () if request.user.is_superuser else ("is_superuser",)

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002 - Django's name
        form_url: str = "",
    ) -> HttpResponse:
        """Set a password and tell of it, or neither."""
        with transaction():
            return super().user_change_password(request, id, form_url)

    def facts(self, row: User) -> dict[str, Any]:
        """Return who it is, and what they may do."""
        return {
            "username": row.username,
            "email": row.email,
            "is_active": row.is_active,
            "is_staff": row.is_staff,
            "is_superuser": row.is_superuser,
            "groups": sorted(row.groups.values_list("name", flat=True)),
            "permissions": permissions_of(row),
        }


class GroupPages(_Audited, GroupAdmin):
    """What people may do together."""

    form = GroupForm

    def get_fields(self, request: HttpRequest, obj: Group | None = None) -> Any:
        """Ask for a reason, too, of who may change something."""
        asked = ["reason"] if self.has_change_permission(request, obj) else []
        return ["name", "permissions", *asked]

    def facts(self, row: Group) -> dict[str, Any]:
        """Return what its members may do."""
        return {"name": row.name, "permissions": permissions_of(row)}
