"""The desk's pages of merchants, keys, acts and stored answers; users are Django's."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.http import HttpRequest

from core.audit import AuditEntry
from core.desk.audit import AnswerPages, AuditPages
from core.desk.keys import KeyPages
from core.desk.merchants import MerchantPages
from core.models import ApiKey, IdempotencyRecord, Merchant

admin.site.site_header = "Payment aggregator: the operators' desk"
admin.site.site_title = "Operators' desk"
admin.site.site_url = "/api/docs/"
admin.site.index_title = "How things stand"

admin.site.register(Merchant, MerchantPages)
admin.site.register(ApiKey, KeyPages)
admin.site.register(AuditEntry, AuditPages)
admin.site.register(IdempotencyRecord, AnswerPages)


class UserPages(UserAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Django's, but for one thing."""

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nobody deletes a user: who leaves is made inactive, and what they did stays theirs."""
        return False


admin.site.unregister(User)
admin.site.register(User, UserPages)
