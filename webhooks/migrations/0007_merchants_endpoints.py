"""Where merchants want to be told, and what they were told."""

import core.ids
import core.schema
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0004_merchants_and_keys_end_for_good"),
        ("webhooks", "0006_actions"),
    ]

    operations = [
        migrations.CreateModel(
            name="Body",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("merchant_id", models.UUIDField()),
                ("mode", models.TextField(choices=[("test", "Test"), ("live", "Live")])),
                ("number", models.BigIntegerField(null=True)),
                ("type", models.TextField()),
                ("content", models.TextField()),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("xid", core.schema.XidField()),
            ],
            options={
                "default_permissions": [],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("mode__in", ["test", "live"])), name="body_mode_known"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("number__isnull", False)),
                        fields=("merchant_id", "mode", "number"),
                        name="body_number_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Endpoint",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("mode", models.TextField(choices=[("test", "Test"), ("live", "Live")])),
                ("place", models.SmallIntegerField()),
                ("url", models.TextField()),
                ("events", models.JSONField(default=list)),
                ("description", models.TextField(default="")),
                (
                    "status",
                    models.TextField(
                        choices=[("enabled", "Enabled"), ("disabled", "Disabled")],
                        default="enabled",
                    ),
                ),
                (
                    "disabled_by",
                    models.TextField(
                        choices=[
                            ("merchant", "Merchant"),
                            ("operator", "Operator"),
                            ("gone", "Gone"),
                            ("failing", "Failing"),
                        ],
                        default="",
                    ),
                ),
                ("disabled_detail", models.TextField(default="")),
                ("disabled_at", models.DateTimeField(null=True)),
                ("failures", models.IntegerField(default=0)),
                ("failing_since", models.DateTimeField(null=True)),
                ("is_slow", models.BooleanField(default=False)),
                ("version", models.IntegerField(default=1)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "updated_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("deleted_at", models.DateTimeField(null=True)),
                ("xid", core.schema.XidField()),
                (
                    "merchant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.merchant",
                    ),
                ),
            ],
            options={
                "permissions": [
                    ("disable_endpoint", "Can stop what is sent to an endpoint"),
                    ("enable_endpoint", "Can have an endpoint sent to again"),
                ],
                "default_permissions": ["view"],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "status",
                    models.TextField(
                        choices=[
                            ("pending", "Pending"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("canceled", "Canceled"),
                        ],
                        default="pending",
                    ),
                ),
                ("reason", models.TextField(default="")),
                ("tries", models.SmallIntegerField(default=0)),
                ("next_attempt_at", models.DateTimeField(null=True)),
                ("hidden_until", models.DateTimeField(null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("finished_at", models.DateTimeField(null=True)),
                ("xid", core.schema.XidField()),
                (
                    "body",
                    models.ForeignKey(
                        db_column="event_id",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="webhooks.body",
                    ),
                ),
                (
                    "endpoint",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
                        to="webhooks.endpoint",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "default_permissions": ["view"],
            },
        ),
        migrations.CreateModel(
            name="EndpointSecret",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("key_id", models.TextField()),
                ("sealed", models.BinaryField()),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("expires_at", models.DateTimeField(null=True)),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="secrets",
                        to="webhooks.endpoint",
                    ),
                ),
            ],
            options={
                "default_permissions": [],
            },
        ),
        migrations.CreateModel(
            name="DeliveryAttempt",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("message_id", models.UUIDField()),
                ("epoch", models.IntegerField()),
                (
                    "intended_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("answered_at", models.DateTimeField(null=True)),
                ("result", models.TextField(default="")),
                ("status_code", models.SmallIntegerField(null=True)),
                ("milliseconds", models.IntegerField(null=True)),
                ("detail", models.TextField(default="")),
                ("excerpt", models.TextField(default="")),
                (
                    "delivery",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="attempts",
                        to="webhooks.delivery",
                    ),
                ),
            ],
            options={
                "default_permissions": ["view"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("delivery", "message_id", "epoch"),
                        name="delivery_attempt_once_per_start",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("result__in", ["", "succeeded", "refused", "no_answer", "forbidden"])
                        ),
                        name="delivery_attempt_result_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("answered_at__isnull", True),
                            models.Q(("result", ""), _negated=True),
                            _connector="XOR",
                        ),
                        name="delivery_attempt_result_iff_answered",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("result", "succeeded"), _negated=True),
                            models.Q(("status_code__gte", 200), ("status_code__lt", 300)),
                            _connector="OR",
                        ),
                        name="delivery_attempt_success_is_2xx",
                    ),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="endpoint",
            index=models.Index(fields=["merchant", "mode", "id"], name="endpoint_newest_first"),
        ),
        migrations.AddIndex(
            model_name="endpoint",
            index=models.Index(
                condition=models.Q(("deleted_at__isnull", True), ("status", "disabled")),
                fields=["id"],
                name="endpoint_disabled",
            ),
        ),
        migrations.AddConstraint(
            model_name="endpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(("mode__in", ["test", "live"])), name="endpoint_mode_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="endpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["enabled", "disabled"])),
                name="endpoint_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="endpoint",
            constraint=models.UniqueConstraint(
                condition=models.Q(("deleted_at__isnull", True)),
                fields=("merchant", "mode", "place"),
                name="endpoint_place_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="endpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(("place__gte", 1), ("place__lte", 16)),
                name="endpoint_places_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="endpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("disabled_at__isnull", False),
                        ("disabled_by__in", ["merchant", "operator", "gone", "failing"]),
                        ("status", "disabled"),
                    ),
                    models.Q(
                        ("disabled_at__isnull", True), ("disabled_by", ""), ("status", "enabled")
                    ),
                    _connector="OR",
                ),
                name="endpoint_disabled_for_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="endpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("failing_since__isnull", True), ("failures", 0)),
                    models.Q(("failing_since__isnull", False), ("failures__gte", 1)),
                    _connector="OR",
                ),
                name="endpoint_failing_iff_failures",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["endpoint", "id"], name="delivery_newest_first"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("status", "pending")), fields=["id"], name="delivery_pending"
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["pending", "succeeded", "failed", "canceled"])),
                name="delivery_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(fields=("endpoint", "body"), name="delivery_once"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status", "pending"), ("finished_at__isnull", False), _connector="XOR"
                ),
                name="delivery_finished_iff_over",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__in", ["failed", "canceled"]), ("reason", ""), _connector="XOR"
                ),
                name="delivery_reason_iff_unsuccessful",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(("tries__gte", 0)), name="delivery_tries_counted"
            ),
        ),
        migrations.AddConstraint(
            model_name="endpointsecret",
            constraint=models.UniqueConstraint(
                condition=models.Q(("expires_at__isnull", True)),
                fields=("endpoint",),
                name="endpoint_secret_one_current",
            ),
        ),
    ]
