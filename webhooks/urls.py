from django.urls import include, path
from rest_framework.routers import SimpleRouter

from webhooks.api import DeliveryViewSet, EndpointViewSet
from webhooks.ingress import ProviderWebhook

router = SimpleRouter(use_regex_path=False)
router.register("webhook-endpoints", EndpointViewSet)
router.register("webhook-endpoints/<uuid:endpoint_id>/deliveries", DeliveryViewSet)

urlpatterns = [
    path("webhooks/<slug:gateway>/", ProviderWebhook.as_view()),
    path("", include(router.urls)),
]
