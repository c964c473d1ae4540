"""Reads the source as a map: who imports whom, who looks at the clock, what is too long. Imports none of it."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
# Which rooms a room may import. The console reaches the flows by deployment name only, and nobody imports a flow.
ARROWS = {
    "console": {"tasks", "mail", "models", "config"},
    "flows": {"tasks", "mail", "models", "config"},
    "tasks": {"mail", "models", "config"},
    "mail": {"config"},
    "models": {"config"},
    "config": set[str](),
}
# Where a foreign package may be imported; no place at all means nowhere.
HOMES = {
    "aiosmtplib": ["mail/*"],
    "aiosmtpd": ["mail/*"],
    "asyncio": ["mail/*"],
    "smtplib": [],
    "prefect": [
        "tasks/beats.py",
        "tasks/gate.py",
        "tasks/posting.py",
        "tasks/report.py",
        "tasks/runs.py",
        "flows/*",
        "console/conductor.py",
    ],
    "pydantic_settings": ["config/*"],
    "alembic": ["models/*", "console/*"],
    "argon2": ["models/passwords.py"],
    "jinja2": ["console/web/*"],
    "psycopg": ["models/*"],
    "sqlalchemy": ["models/*", "tasks/*", "console/*"],
    "cyclopts": ["console/*"],
    "fastapi": ["console/*"],
    "rich": ["console/*"],
    "starlette": ["console/web/*"],
    "uvicorn": ["console/web/*"],
    "xlsxwriter": ["console/web/*"],
}
ENVIRONMENT = {
    "os.environ": ["config/settings.py", "console/stack.py"],  # the stack hands an environment on to its children
    "os.environb": [],
    "os.getenv": ["config/settings.py"],
    "os.putenv": [],
}
_CLOCK_HOMES = ["tasks/workbench.py", "console/stack.py"]
CLOCK = dict.fromkeys(
    [
        "date.today",
        "datetime.now",
        "datetime.today",
        "datetime.utcnow",
        "func.current_date",
        "func.current_timestamp",
        "func.now",
        "time.time",
        "time.time_ns",
    ],
    _CLOCK_HOMES,
)
SAY_NOTHING = {"Data", "Handler", "Helper", "Info", "Manager", "Processor", "Service", "Util", "Utils"}
LONGEST_FUNCTION = 40
LONGEST_MODULE = 300


@dataclass(frozen=True)
class Module:
    """One source file, read and never imported."""

    path: str
    source: str

    @property
    def name(self) -> str:
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def room(self) -> str:
        return self.path.split("/", 1)[0]

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(ast.parse(self.source)))

    @cached_property
    def imports(self) -> list[tuple[int, str]]:
        """Line and full dotted name of all that is imported, wherever it stands: in a function, for types only."""
        found = [
            (node.lineno, alias.name) for node in self.nodes if isinstance(node, ast.Import) for alias in node.names
        ]
        for node in self.nodes:
            if isinstance(node, ast.ImportFrom):
                base = self._base(node)
                found += [(node.lineno, f"{base}.{alias.name}") for alias in node.names]
        return sorted(found)

    @cached_property
    def uses(self) -> list[tuple[int, str]]:
        """Line and last two names of each ``a.b`` in the source, and of each ``from a import b``."""
        dotted = [node for node in self.nodes if isinstance(node, ast.Attribute)]
        found = [(node.lineno, ".".join(ast.unparse(node).split(".")[-2:])) for node in dotted]
        return sorted(found + [(line, name) for line, name in self.imports if name.count(".") == 1])

    @cached_property
    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        return [node for node in self.nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]

    @cached_property
    def classes(self) -> list[ast.ClassDef]:
        return [node for node in self.nodes if isinstance(node, ast.ClassDef)]

    def _base(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.name if self.path.endswith("/__init__.py") else self.name.rpartition(".")[0]
        above = package.split(".")[: package.count(".") + 2 - node.level]
        return ".".join([*above, node.module] if node.module else above)


def product() -> list[Module]:
    files = sorted(file for room in ARROWS for file in (ROOT / room).rglob("*.py"))
    return [Module(file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")) for file in files]


def arrows_against(modules: list[Module]) -> Iterator[str]:
    """Yield each import that goes up, sideways, or into a flow file."""
    for module in modules:
        for line, name in module.imports:
            room = name.split(".")[0]
            inside = room == module.room != "flows"
            if room in ARROWS and not inside and room not in ARROWS[module.room]:
                yield f"{module.path}:{line}: {module.room} may not import {name}"


def guests(modules: list[Module]) -> Iterator[str]:
    """Yield each foreign package met outside of its home."""
    for module in modules:
        for line, name in module.imports:
            if not at_home(module, HOMES.get(name.split(".")[0])):
                yield f"{module.path}:{line}: {name} is not imported here"


def uses_outside(modules: list[Module], homes: dict[str, list[str]]) -> Iterator[str]:
    """Yield each use of one of the names outside of the files it belongs to."""
    for module in modules:
        for line, name in module.uses:
            if not at_home(module, homes.get(name)):
                yield f"{module.path}:{line}: {name} is passed down, not read here"


def at_home(module: Module, home: list[str] | None) -> bool:
    return home is None or any(fnmatch(module.path, pattern) for pattern in home)


def first_circle(modules: list[Module]) -> list[str]:
    """Return the modules of a circle of imports, or nothing. Imports for types only count as well."""
    names = {module.name for module in modules}
    graph: dict[str, set[str]] = {}
    for module in modules:
        # `from models import dates` means the module models.dates, `from models.dates import x` too.
        targets = {name if name in names else name.rpartition(".")[0] for _, name in module.imports}
        graph[module.name] = targets & names - {module.name}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def too_long(modules: list[Module]) -> Iterator[str]:
    """Yield each module and each function beyond its bound, docstrings and comments counted."""
    for module in modules:
        if module.path.startswith("models/migrations/versions/"):
            continue  # a migration is a record of one change, written once and never reworked
        if (lines := len(module.source.splitlines())) > LONGEST_MODULE:
            yield f"{module.path}: {lines} lines, more than {LONGEST_MODULE}: perhaps two things"
        for function in module.functions:
            lines = (function.end_lineno or function.lineno) - function.lineno + 1
            if lines > LONGEST_FUNCTION:
                yield f"{module.path}:{function.lineno}: {function.name} has {lines} lines, more than {LONGEST_FUNCTION}"


def empty_names(modules: list[Module]) -> Iterator[str]:
    """Yield each class whose name has a word that says nothing."""
    for module in modules:
        for node in module.classes:
            words = set(re.findall(r"[A-Z][a-z]*", node.name))
            if words & SAY_NOTHING:
                yield f"{module.path}:{node.lineno}: {node.name} does not say what it is"
