"""The desk's pages of this room, and of the outbox, whose messages are about its operations."""

from django.contrib import admin

from core.desk.audit import PAGES
from ledger.admin import SOURCES
from outbox.models import Message
from payments.desk import front
from payments.desk.disputes import DisputeFactPages, DisputePages
from payments.desk.messages import MessagePages
from payments.desk.payments import OperationPages, PaymentPages, RefundPages
from payments.desk.records import AttemptPages, EventPages, NoticePages, StatusChangePages
from payments.models import (
    Attempt,
    Dispute,
    DisputeFact,
    Event,
    Notice,
    Operation,
    Payment,
    Refund,
    StatusChange,
)

admin.site.register(Message, MessagePages)
admin.site.register(Payment, PaymentPages)
admin.site.register(Refund, RefundPages)
admin.site.register(Dispute, DisputePages)
admin.site.register(DisputeFact, DisputeFactPages)
admin.site.register(Operation, OperationPages)
admin.site.register(Attempt, AttemptPages)
admin.site.register(Notice, NoticePages)
admin.site.register(StatusChange, StatusChangePages)
admin.site.register(Event, EventPages)

PAGES.update(message="outbox_message", payment="payments_payment")
SOURCES.update(payment="payments_payment", refund="payments_refund", dispute="payments_dispute")
admin.site.index_template = front.TEMPLATE
