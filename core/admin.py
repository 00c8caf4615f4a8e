"""The desk's pages of merchants, keys, acts and stored answers, users and groups."""

from django.contrib import admin
from django.contrib.auth.models import Group, User

from core.audit import AuditEntry
from core.desk.audit import AnswerPages, AuditPages
from core.desk.keys import KeyPages
from core.desk.merchants import MerchantPages
from core.desk.users import GroupPages, UserPages
from core.models import ApiKey, IdempotencyRecord, Merchant

admin.site.site_header = "Payment aggregator: the operators' desk"
admin.site.site_title = "Operators' desk"
admin.site.site_url = "/api/docs/"
admin.site.index_title = "How things stand"

admin.site.register(Merchant, MerchantPages)
admin.site.register(ApiKey, KeyPages)
admin.site.register(AuditEntry, AuditPages)
admin.site.register(IdempotencyRecord, AnswerPages)
admin.site.unregister([User, Group])
admin.site.register(User, UserPages)
admin.site.register(Group, GroupPages)
