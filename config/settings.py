"""The one settings file. What differs by place comes from the environment (`docs/settings.md`)."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from config import environment
from core.addresses import is_web_address

BASE_DIR = environment.BASE_DIR

DEBUG = environment.flag("DEBUG", default=False)
SECRET_KEY = environment.text("SECRET_KEY")
if not SECRET_KEY:
    if not DEBUG:
        message = "SECRET_KEY is not set; make one with `openssl rand -hex 32`"
        raise ImproperlyConfigured(message)
    SECRET_KEY = "for development only, never for a server"  # noqa: S105
ALLOWED_HOSTS = environment.names("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
if not DEBUG and "*" in ALLOWED_HOSTS:
    message = "ALLOWED_HOSTS may not be * when DEBUG is off"
    raise ImproperlyConfigured(message)
PORT = environment.whole("PORT", 8005)
# Where payers find us when a provider sends them back.
PUBLIC_URL = environment.text("PUBLIC_URL", f"http://127.0.0.1:{PORT}").rstrip("/")
if not is_web_address(PUBLIC_URL) or set("?#") & set(PUBLIC_URL):
    message = "PUBLIC_URL must be an http or https address without a query"
    raise ImproperlyConfigured(message)
if environment.flag("BEHIND_TLS_PROXY", default=False):
    # Anybody but a proxy could claim the same, so it is believed only when asked for.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "core",
    "ledger",
    "outbox",
    "gateways",
    "payments",
    "webhooks",
    "dispatcher",
    "config",
]
MIDDLEWARE = [
    "core.middleware.RequestContext",
    "core.middleware.StrictRequest",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # Sessions and users are the operator's; nobody else may read them.
    "core.desk.middleware.ActAsOperator",
    "core.desk.middleware.DeskSession",
    "core.desk.middleware.DeskCsrf",
    "core.desk.middleware.DeskAuthentication",
    "core.desk.middleware.DeskMessages",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
CSRF_FAILURE_VIEW = "core.desk.errors.stale"
DEFAULT_EXCEPTION_REPORTER_FILTER = "core.desk.errors.ReporterFilter"
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# The serving role owns nothing; manage.py asks for the owner (ADR 0003), and everything under
# /admin/ acts as the operator (ADR 0011).
DATABASE_URL = environment.text("DATABASE_URL")
DATABASE_OWNER_URL = environment.text("DATABASE_OWNER_URL") or DATABASE_URL
if not DATABASE_URL:
    message = "DATABASE_URL is not set; `make up` starts a database and writes it to .local/env"
    raise ImproperlyConfigured(message)
DATABASE_OPERATOR_URL = environment.text("DATABASE_OPERATOR_URL") or DATABASE_URL
if environment.is_sqlite(DATABASE_URL):
    if not DEBUG:
        message = (
            "DATABASE_URL names an SQLite file, which is for development only: it enforces less "
            "than PostgreSQL (ADR 0004). Name a PostgreSQL, or set DEBUG=1 on your own machine"
        )
        raise ImproperlyConfigured(message)
    # A file has no roles, and what .local/env says may be of another database.
    DATABASE_OWNER_URL = DATABASE_OPERATOR_URL = DATABASE_URL
_as_owner = os.environ.get("DATABASE_ROLE") == "owner"
# PgBouncer in transaction mode cannot keep a cursor between statements.
_pooled = {"CONN_HEALTH_CHECKS": True, "DISABLE_SERVER_SIDE_CURSORS": True}
DATABASES: dict[str, Any] = {
    "default": {
        **environment.database(DATABASE_OWNER_URL if _as_owner else DATABASE_URL),
        **_pooled,
        "CONN_MAX_AGE": None,
    },
    # People are few: no thread keeps a second connection for them.
    "operator": {
        **environment.database(DATABASE_OWNER_URL if _as_owner else DATABASE_OPERATOR_URL),
        **_pooled,
        "CONN_MAX_AGE": 0,
    },
}
DATABASE_ROUTERS = ["core.db.ActingRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = environment.text("REDIS_URL", "redis://127.0.0.1:6379/0")

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATIC_ROOT.mkdir(exist_ok=True)
WHITENOISE_USE_FINDERS = True
APPEND_SLASH = False

# Requests
BODY_LIMIT_BYTES = 64 * 1024
JSON_DEPTH_LIMIT = 32
# Django's own limit would answer first and in its own words.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * BODY_LIMIT_BYTES

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["core.auth.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["core.auth.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["core.strict_json.StrictJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "core.negotiation.RememberingNegotiation",
    "DEFAULT_RENDERER_CLASSES": [
        "rest_framework.renderers.JSONRenderer",
        "rest_framework.renderers.BrowsableAPIRenderer",
    ],
    "EXCEPTION_HANDLER": "core.errors.problem_response",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Payment aggregator",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    # Both are the `status` of several objects, so their names cannot be guessed.
    "ENUM_NAME_OVERRIDES": {
        "PaymentReadStatusEnum": "payments.states.Status",
        "RefundReadStatusEnum": "payments.states.RefundStatus",
        "CaptureMethodEnum": "payments.states.CaptureMethod",
        "EndpointStatusEnum": "webhooks.receivers.EndpointStatus",
        "DeliveryStatusEnum": "webhooks.trail.DeliveryStatus",
    },
}

# Gateways: one entry a provider (docs/adding-a-gateway.md).
MOCK_DB = environment.text("MOCK_DB", str(BASE_DIR / ".local" / "mock.sqlite3"))
MOCK_WEBHOOK_SECRETS = environment.names("MOCK_WEBHOOK_SECRET", "")
MOCK_WEBHOOK_URL = environment.text(
    "MOCK_WEBHOOK_URL", f"http://127.0.0.1:{PORT}/api/webhooks/mock/"
)
_mock = {
    "database": MOCK_DB,
    "webhook_secrets": MOCK_WEBHOOK_SECRETS,
    "public_url": PUBLIC_URL,
}
GATEWAYS: dict[str, dict[str, Any]] = {
    "mock_success": {"class": "gateways.providers.mock_success.MockSuccess", "options": _mock},
    "mock_failure": {"class": "gateways.providers.mock_failure.MockFailure", "options": _mock},
    "mock": {
        "class": "gateways.providers.mock.Mock",
        "options": {**_mock, "webhook_url": MOCK_WEBHOOK_URL},
    },
}

# Where there is a simulator, it is a gateway like any other, and no more than an address to us.
SIMULATOR_URL = environment.text("SIMULATOR_URL")
if SIMULATOR_URL:
    GATEWAYS["simulator"] = {
        "class": "gateways.providers.simulator.Simulator",
        "options": {
            "url": SIMULATOR_URL,
            "api_key": environment.text("SIMULATOR_API_KEY"),
            "account": "acct_simulator",
            "webhook_secrets": environment.names("SIMULATOR_WEBHOOK_SECRET", ""),
            "keys": environment.flag("SIMULATOR_KEYS", default=True),
            "key_lifetime_seconds": environment.seconds("SIMULATOR_KEY_LIFETIME_SECONDS", 86_400),
        },
    }

# Webhooks to merchants
WEBHOOK_SECRET_KEYS = environment.keys("WEBHOOK_SECRET_KEYS")
if not WEBHOOK_SECRET_KEYS:
    if not DEBUG:
        message = "WEBHOOK_SECRET_KEYS is not set; make one with `echo k1:$(openssl rand -hex 32)`"
        raise ImproperlyConfigured(message)
    WEBHOOK_SECRET_KEYS = {"development": SECRET_KEY}
WEBHOOK_TEST_HOSTS = frozenset(name.lower() for name in environment.names("WEBHOOK_TEST_HOSTS", ""))
WEBHOOK_DISABLE_AFTER = timedelta(
    seconds=environment.seconds("WEBHOOK_DISABLE_AFTER_SECONDS", 72 * 3600)
)

# How long anything may take (docs/settings.md says what depends on what).
DISPATCH_LEASE = timedelta(seconds=environment.seconds("DISPATCH_LEASE_SECONDS", 10))
RUN_LEASE = timedelta(seconds=environment.seconds("RUN_LEASE_SECONDS", 20))
GATEWAY_TOTAL = timedelta(seconds=environment.seconds("GATEWAY_TOTAL_SECONDS", 10))
STALE_READ_WINDOW = timedelta(seconds=environment.seconds("STALE_READ_WINDOW_SECONDS", 8))
RECHECK_EVERY = timedelta(seconds=environment.seconds("RECHECK_EVERY_SECONDS", 24 * 3600))
RECHECK_WINDOW = timedelta(days=environment.whole("RECHECK_WINDOW_DAYS", 7))
# Neither is a verdict: the provider is asked, and says whether a hold, or a payer's time, ran out.
AUTHORIZATION_INQUIRY = timedelta(
    seconds=environment.seconds("AUTHORIZATION_INQUIRY_SECONDS", 6 * 24 * 3600)
)
ACTION_INQUIRY = timedelta(seconds=environment.seconds("ACTION_INQUIRY_SECONDS", 3600))
REVIEW_AFTER = timedelta(seconds=environment.seconds("REVIEW_AFTER_SECONDS", 3600))
SWEEP_EVERY = timedelta(seconds=environment.seconds("SWEEP_EVERY_SECONDS", 1))
# What a call leaves of the lease for writing its answer down.
SETTLE_MARGIN = timedelta(seconds=environment.seconds("SETTLE_MARGIN_SECONDS", 3))
# How long answers are held in hand while the database is away.
SETTLE_PATIENCE = timedelta(seconds=environment.seconds("SETTLE_PATIENCE_SECONDS", 15))
if RUN_LEASE < GATEWAY_TOTAL + SETTLE_MARGIN:
    message = "RUN_LEASE_SECONDS must be at least GATEWAY_TOTAL_SECONDS + SETTLE_MARGIN_SECONDS"
    raise ImproperlyConfigured(message)

# Dispatching
WORKER_SLOTS = environment.whole("WORKER_SLOTS", 4)
WORKER_COUNT = environment.whole("WORKER_COUNT", 1)
BATCH_SIZE = environment.whole("BATCH_SIZE", 50)
IDEMPOTENCY_KEPT = timedelta(days=environment.whole("IDEMPOTENCY_KEPT_DAYS", 30))
DONE_KEPT = timedelta(hours=environment.whole("DONE_KEPT_HOURS", 48))

METRICS_DIR = environment.text("PROMETHEUS_MULTIPROC_DIR", str(BASE_DIR / ".local" / "metrics"))
os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", METRICS_DIR)
Path(METRICS_DIR).mkdir(parents=True, exist_ok=True)

HEARTBEAT_FILE = environment.text("HEARTBEAT_FILE")

LOG_LEVEL = environment.text("LOG_LEVEL", "INFO")
LOGGING_CONFIG = None
