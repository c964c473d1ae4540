"""Who may write what on PostgreSQL: a console's login and a worker's, so that a worker cannot approve its own lists.

The owner of the tables migrates them. Both others are given what is derived from the tables there are, so that a new
table is forgotten by nobody. SQLite knows no logins: there whoever opens the file may write all of it.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Connection, text

from models.errors import Refused, WrongInput
from models.schema import VERSION_TABLE
from models.tables import (
    app_user,
    approval,
    audit,
    form_sent,
    mail_template,
    metadata,
    review_tick,
    setting,
    sign_in_failure,
    user_password,
    web_session,
)

EVERYTHING = ("SELECT", "INSERT", "UPDATE", "DELETE")
_READ = ("SELECT",)
_ADD = ("SELECT", "INSERT")


class Login(StrEnum):
    """Whose login it is."""

    CONSOLE = "console"
    WORKER = "worker"


# What a worker stores when it carries out an approved change of everybody's dates. Others rule what is reviewed.
WORKERS_SETTINGS = ("date_basis",)

# Where a login is given less than everything. A worker may mark an approval used and can neither make nor change one.
_LESS: dict[Login, dict[str, tuple[str, ...]]] = {
    Login.CONSOLE: {audit.name: _ADD, VERSION_TABLE: _READ},
    Login.WORKER: {
        app_user.name: _READ,
        approval.name: ("SELECT", "UPDATE (consumed_at)"),
        audit.name: _ADD,
        mail_template.name: _READ,
        VERSION_TABLE: _READ,
        # a worker that could open a session could answer through the console
        **{table.name: () for table in (user_password, web_session, sign_in_failure, form_sent, review_tick)},
    },
}


class LoginUnfit(Refused):
    """This login cannot be held to what it is given."""


def allowed(login: Login) -> dict[str, tuple[str, ...]]:
    """Every table, the migrations' own included, and what *login* may do there."""
    names = [*(table.name for table in metadata.sorted_tables), VERSION_TABLE]
    return {name: _LESS[login].get(name, EVERYTHING) for name in names}


def grants(connection: Connection, console: str, worker: str) -> list[str]:
    """The statements that give both logins what is theirs, and nothing that they had before.

    Raises:
        WrongInput: the database is SQLite, or both are one login.
    """
    if connection.dialect.name != "postgresql":
        raise WrongInput("SQLite knows no logins; roles are for PostgreSQL (RECERT_DATABASE_URL)")
    if console == worker:
        raise WrongInput("console and worker must be two logins, or nothing is kept apart")
    quoted = connection.dialect.identifier_preparer.quote_identifier
    schema = quoted(str(connection.scalar(text("SELECT current_schema()"))))
    found = [f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM PUBLIC"]
    for login, name in ((Login.CONSOLE, quoted(console)), (Login.WORKER, quoted(worker))):
        found += [
            f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {name}",
            f"GRANT USAGE ON SCHEMA {schema} TO {name}",
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {name}",
        ]
        found += [
            f"GRANT {', '.join(rights)} ON {quoted(table)} TO {name}"
            for table, rights in allowed(login).items()
            if rights
        ]
    return found + _policies(f"{schema}.{quoted(setting.name)}", quoted(console), quoted(worker))


def _policies(table: str, console: str, worker: str) -> list[str]:
    """The statements by which of the settings a worker writes its own alone; the owner and whoever may read see them all."""
    its_own = f"name IN ({', '.join(map(repr, WORKERS_SETTINGS))})"
    policies = {
        "recert_everybody_reads": "FOR SELECT USING (true)",
        "recert_console": f"TO {console} USING (true)",
        "recert_worker": f"TO {worker} USING ({its_own})",
    }
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        *(f"DROP POLICY IF EXISTS {name} ON {table}" for name in policies),
        *(f"CREATE POLICY {name} ON {table} {rule}" for name, rule in policies.items()),
    ]


def give(connection: Connection, console: str, worker: str) -> None:
    """Give both logins what is theirs, in the caller's transaction.

    Raises:
        LoginUnfit: this connection's login owns no tables; a login does not exist, or has rights from elsewhere (a superuser, a member of the owner).
        WrongInput: as ``grants``.
    """
    statements = grants(connection, console, worker)
    # PostgreSQL only warns where nobody but the owner may give, and gives nothing
    owns = text(
        "SELECT pg_has_role(tableowner, 'USAGE') FROM pg_tables WHERE tablename = :name AND schemaname = current_schema()"
    )
    if not connection.scalar(owns, {"name": approval.name}):
        raise LoginUnfit("only the owner of the tables may give rights to them: name the owner in RECERT_DATABASE_URL")
    for name in (console, worker):
        if connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": name}) is None:
            raise LoginUnfit(f"there is no login {name}: an administrator makes it with CREATE ROLE … LOGIN PASSWORD …")
    for statement in statements:
        connection.exec_driver_sql(statement)
    if _has(connection, worker, approval.name, "INSERT") or _has(connection, worker, audit.name, "DELETE"):
        raise LoginUnfit(f"{worker} may write approvals by other rights: take superuser and memberships away from it")


def may_approve(connection: Connection) -> bool:
    """Whether this connection's login may record answers to reviews; always so on SQLite."""
    if connection.dialect.name != "postgresql":
        return True
    return _has(connection, str(connection.scalar(text("SELECT current_user"))), approval.name, "INSERT")


def lacking(connection: Connection) -> list[str]:
    """What this connection's login lacks of what is its own, as ``INSERT on learner``; nothing on SQLite."""
    if connection.dialect.name != "postgresql":
        return []
    name = str(connection.scalar(text("SELECT current_user")))
    login = Login.CONSOLE if may_approve(connection) else Login.WORKER
    asked = ((table, right) for table, rights in allowed(login).items() for right in rights if "(" not in right)
    return [f"{right} on {table}" for table, right in asked if not _has(connection, name, table, right)]


def _has(connection: Connection, login: str, table: str, right: str) -> bool:
    asked = text("SELECT has_table_privilege(CAST(:login AS name), :table, :right)")
    return bool(connection.scalar(asked, {"login": login, "table": table, "right": right}))
