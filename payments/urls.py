from rest_framework.routers import SimpleRouter

from payments.api import BalanceViewSet, PaymentViewSet
from payments.dispute_api import DisputeViewSet
from payments.feed import EventViewSet
from payments.lookups import IdempotencyKeyViewSet
from payments.refund_api import PaymentRefundViewSet, RefundViewSet

router = SimpleRouter(use_regex_path=False)
router.register("api/payments", PaymentViewSet, basename="payment")
router.register(
    "api/payments/<uuid:payment_id>/refunds", PaymentRefundViewSet, basename="payment-refund"
)
router.register("api/refunds", RefundViewSet, basename="refund")
router.register("api/disputes", DisputeViewSet, basename="dispute")
router.register("api/balance", BalanceViewSet, basename="balance")
router.register("api/events", EventViewSet, basename="event")
router.register("api/idempotency-keys", IdempotencyKeyViewSet, basename="idempotency-key")

urlpatterns = router.urls
