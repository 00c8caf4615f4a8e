"""Is this process alive, and may it be sent requests?"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from functools import lru_cache

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from redis import Redis, RedisError

from core.caches import process_caches
from core.db import rows
from core.errors import Problem
from core.logging import get_logger

log = get_logger(__name__)

TIMEOUT_SECONDS = 1.0
_migrated: list[bool] = []
process_caches.append(_migrated.clear)


@lru_cache(maxsize=1)
def _probes() -> ThreadPoolExecutor:
    """Return the threads that may hang instead of a request's; when all do, that is an answer."""
    return ThreadPoolExecutor(max_workers=2, thread_name_prefix="probe")


def _ask_database() -> str:
    try:
        rows("SELECT 1")
        return "ok" if is_migrated() else "migrations missing"
    except (OperationalError, InterfaceError):
        return "unreachable"
    except DatabaseError:
        log.exception("readiness.database_failing")
        return "failing"
    finally:
        connection.close()


def is_migrated() -> bool:
    """Test whether the database has every migration there is a file for."""
    if not _migrated:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return False
        _migrated.append(True)
    return True


def ask_broker() -> str:
    """Return ``ok``, or what is wrong."""
    client = Redis.from_url(
        settings.REDIS_URL, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
    )
    try:
        client.ping()
    except (RedisError, OSError):
        return "unreachable"
    finally:
        client.close()
    return "ok"


def _within_time(ask: Callable[[], str]) -> Callable[[], str]:
    future = _probes().submit(ask)

    def answer() -> str:
        try:
            return future.result(TIMEOUT_SECONDS)
        except Late:
            future.cancel()
            return "too slow"

    return answer


@csrf_exempt  # or a wrong method would be called a forgery
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """Answer, which is all this process has to do to be alive."""
    return JsonResponse({"status": "ok"})


@csrf_exempt  # or a wrong method would be called a forgery
@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """Tell whether requests can be served: they need the database, and never the broker.

    :raises Problem: ``overloaded`` while they cannot
    """
    answers = {"database": _within_time(_ask_database), "broker": _within_time(ask_broker)}
    checks = {name: answer() for name, answer in answers.items()}
    if checks["database"] != "ok":
        log.warning("readiness.failed", **checks)
        headers = {"Retry-After": "1"}
        raise Problem("overloaded", "The database is not ready.", headers=headers, checks=checks)
    status = "ready" if checks["broker"] == "ok" else "degraded"
    return JsonResponse({"status": status, "checks": checks})
