from rest_framework.routers import SimpleRouter

from payments.api import BalanceViewSet, PaymentViewSet, RefundViewSet
from payments.feed import EventViewSet
from payments.lookups import IdempotencyKeyViewSet

router = SimpleRouter(use_regex_path=False)
router.register("payments", PaymentViewSet, basename="payment")
router.register("refunds", RefundViewSet, basename="refund")
router.register("balance", BalanceViewSet, basename="balance")
router.register("events", EventViewSet, basename="event")
router.register("idempotency-keys", IdempotencyKeyViewSet, basename="idempotency-key")

urlpatterns = router.urls
