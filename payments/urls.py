from rest_framework.routers import SimpleRouter

from payments.api import BalanceViewSet, PaymentViewSet, RefundViewSet

router = SimpleRouter(use_regex_path=False)
router.register("api/payments", PaymentViewSet, basename="payment")
router.register("api/refunds", RefundViewSet, basename="refund")
router.register("api/balance", BalanceViewSet, basename="balance")

urlpatterns = router.urls
