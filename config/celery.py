"""The Celery app. Redis is only transport: every option that recovers work is off, since the
lease in PostgreSQL is the one authority for recovery (ADR 0005).
"""

import os

import django
from celery import Celery
from celery.signals import heartbeat_sent, setup_logging, worker_process_init
from django.conf import settings
from django.db import connections

from core import logging
from core.heartbeat import beat

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)


# Celery's Django fixup would close the database connection around every task.
app = Celery("payments", fixups=[])
app.conf.update(
    broker_url=settings.REDIS_URL,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 25,
        # Never relied on; equal everywhere, because the shortest value would win.
        "visibility_timeout": 3600,
    },
    imports=["dispatcher.tasks"],
    task_default_queue="outbox",
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    result_backend=None,
    task_acks_late=False,
    task_publish_retry=False,
    worker_concurrency=settings.WORKER_SLOTS,
    worker_prefetch_multiplier=1,
    worker_send_task_events=False,
    # A job whose call never returns dies with its threads. Longer than the lease, because answers
    # in hand are worth more than the slot, and the fence makes the overlap harmless.
    task_time_limit=(settings.RUN_LEASE + settings.SETTLE_PATIENCE).total_seconds() + 1,
    worker_soft_shutdown_timeout=settings.GATEWAY_TOTAL.total_seconds() + 2,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
)


@setup_logging.connect
def _configure_logging(**_: object) -> None:
    logging.configure()


@worker_process_init.connect
def _forget_parent_connections(**_: object) -> None:
    # A forked child must not speak on its parent's socket.
    for connection in connections.all(initialized_only=True):
        connection.connection = None


@heartbeat_sent.connect
def _beat(**_: object) -> None:
    # Sent every two seconds by the loop that takes jobs, as long as the broker gives any.
    beat()
