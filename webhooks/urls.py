from django.urls import path

from webhooks.ingress import ProviderWebhook

urlpatterns = [path("webhooks/<slug:gateway>/", ProviderWebhook.as_view())]
