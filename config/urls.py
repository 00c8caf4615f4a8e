"""Every door for HTTP."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

import payments.urls
from core.health import healthz, readyz
from core.metrics import metrics
from core.problem_pages import problem_page
from gateways.mocks import pages
from payments.returning import returned

urlpatterns: list[URLPattern | URLResolver] = [
    *payments.urls.urlpatterns,
    path("api/", include("webhooks.urls")),
    path(
        "api/schema/",
        SpectacularAPIView.as_view(authentication_classes=[], permission_classes=[]),
        name="schema",
    ),
    path(
        "api/docs/",
        SpectacularSwaggerView.as_view(
            url_name="schema", authentication_classes=[], permission_classes=[]
        ),
        name="docs",
    ),
    path("return/<uuid:payment_id>/", returned),
    *(
        [path("mock/actions/<slug:provider_id>/", pages.action)]
        if pages.are_wanted(settings.GATEWAYS)
        else []
    ),
    path("admin/", admin.site.urls),
    path("problems/<slug:slug>", problem_page),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
]
