from rest_framework.routers import SimpleRouter

from payments.api import BalanceViewSet, PaymentRefundViewSet, PaymentViewSet, RefundViewSet
from payments.dispute_api import DisputeViewSet

router = SimpleRouter(use_regex_path=False)
router.register("payments", PaymentViewSet, basename="payment")
router.register(
    "payments/<uuid:payment_id>/refunds", PaymentRefundViewSet, basename="payment-refund"
)
router.register("refunds", RefundViewSet, basename="refund")
router.register("disputes", DisputeViewSet, basename="dispute")
router.register("balance", BalanceViewSet, basename="balance")

urlpatterns = router.urls
