"""Makes the roles and the database: one owns, one serves (ADR 0003), one operates (ADR 0011)."""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.sql import SQL, Identifier, Literal

# What a request may take before PostgreSQL ends it: a stuck process must not hold its locks.
# Compiling a plan costs more than any statement of ours gains by it.
LIMITS = {
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "10s",
    "statement_timeout": "30s",
    # Nothing we ask is large enough to be worth compiling, or planning again for other values.
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
}
SINCE_17 = {"transaction_timeout": "30s"}
VERSION_17 = 170_000


@dataclass(frozen=True, slots=True)
class Role:
    name: str
    password: str

    def url(self, admin_url: str, database: str) -> str:
        """Return the address of a database on the admin's server, as this role."""
        parts = urlsplit(admin_url)
        place = parts.netloc.rpartition("@")[2]
        netloc = f"{self.name}:{quote(self.password, safe='')}@{place}"
        return urlunsplit(parts._replace(netloc=netloc, path=f"/{database}"))


@dataclass(frozen=True, slots=True)
class Roles:
    owner: Role
    serving: Role
    operator: Role


def connect_autocommit(url: str) -> Connection:
    """Connect without a transaction, as CREATE DATABASE wants it."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    return connection


def ensure_role(admin: Connection, role: Role, limits: dict[str, str]) -> None:
    """Make the role, or give the existing one this password and these limits."""
    name = Identifier(role.name)
    with admin.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role.name])
        verb = SQL("ALTER" if cursor.fetchone() else "CREATE")
        options = SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}")
        cursor.execute(options.format(verb, name, Literal(role.password)))
        for setting, value in limits.items():
            statement = SQL("ALTER ROLE {} SET {} = {}")
            cursor.execute(statement.format(name, Identifier(setting), Literal(value)))


def ensure_roles(admin: Connection, roles: Roles) -> None:
    """Make the roles; those that answer requests with their limits."""
    newer = SINCE_17 if admin.server_version >= VERSION_17 else {}
    ensure_role(admin, roles.owner, {})
    for role in (roles.serving, roles.operator):
        ensure_role(admin, role, {**LIMITS, **newer})


def ensure_database(admin: Connection, name: str, roles: Roles) -> None:
    """Make the database if it is missing: the owner's, open to the other roles, to nobody else."""
    database, owner = Identifier(name), Identifier(roles.owner.name)
    with admin.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if cursor.fetchone() is None:
            cursor.execute(SQL("GRANT {} TO CURRENT_USER").format(owner))
            create = SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0")
            cursor.execute(create.format(database, owner))
        cursor.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        allow = SQL("GRANT CONNECT ON DATABASE {} TO {}")
        for role in (roles.serving, roles.operator):
            cursor.execute(allow.format(database, Identifier(role.name)))
