"""`manage.py create_roles`: the database and its roles, on a server that has neither."""

from contextlib import closing
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import environment, waiting
from config.stack.roles import (
    Role,
    Roles,
    connect_autocommit,
    ensure_database,
    ensure_roles,
)


class Command(BaseCommand):
    help = (
        "As the superuser of DATABASE_ADMIN_URL, make the roles that DATABASE_URL, "
        "DATABASE_OWNER_URL and DATABASE_OPERATOR_URL name, with the passwords they carry, and "
        "the database. Waits for the server. Safe to repeat: an existing role gets the password "
        "and the limits again."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        waiting.add_timeout(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Wait for the server and make what is missing.

        :raises CommandError: if an address is no use or the server does not answer in time
        """
        admin_url = environment.text("DATABASE_ADMIN_URL")
        if not admin_url:
            message = "DATABASE_ADMIN_URL is not set: the address of the server's superuser"
            raise CommandError(message)
        roles, database = _roles(), _database()
        needs = {"PostgreSQL": partial(waiting.server, dsn=admin_url, connect_timeout=5)}
        timeout = timedelta(seconds=options["timeout"])
        try:
            waiting.wait_for(needs, timeout, self.stderr.write)
        except waiting.NotReady as error:
            raise CommandError(str(error)) from error
        with closing(connect_autocommit(admin_url)) as admin:
            ensure_roles(admin, roles)
            ensure_database(admin, database, roles)
        names = ", ".join(role.name for role in (roles.owner, roles.serving, roles.operator))
        self.stdout.write(f"Database {database} and the roles {names} are there.")


def _roles() -> Roles:
    roles = Roles(
        owner=_role("DATABASE_OWNER_URL", settings.DATABASE_OWNER_URL),
        serving=_role("DATABASE_URL", settings.DATABASE_URL),
        operator=_role("DATABASE_OPERATOR_URL", settings.DATABASE_OPERATOR_URL),
    )
    if len({roles.owner.name, roles.serving.name, roles.operator.name}) < 3:  # noqa: PLR2004
        message = "DATABASE_URL, DATABASE_OWNER_URL and DATABASE_OPERATOR_URL must name three roles"
        raise CommandError(message)
    return roles


def _role(variable: str, url: str) -> Role:
    parts = urlsplit(url)
    if not parts.username or not parts.password:
        message = f"{variable} must name a role and its password"
        raise CommandError(message)
    return Role(unquote(parts.username), unquote(parts.password))


def _database() -> str:
    urls = (settings.DATABASE_URL, settings.DATABASE_OWNER_URL, settings.DATABASE_OPERATOR_URL)
    names = {unquote(urlsplit(url).path[1:]) for url in urls}
    if len(names) > 1 or not all(names):
        message = "the three addresses must name the same database"
        raise CommandError(message)
    return names.pop()
