"""How the web process starts when there is no Procfile, and which rule says so."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

MODULES = ("app.py", "main.py", "wsgi.py", "application.py", "server.py", "asgi.py", "app/__init__.py")
SCRIPTS = ("main.py", "app.py", "server.py")
WSGI = {"Flask": "Flask", "APIFlask": "APIFlask", "Bottle": "Bottle", "get_wsgi_application": "Django"}
ASGI = {
    "FastAPI": "FastAPI",
    "Starlette": "Starlette",
    "Quart": "Quart",
    "Litestar": "Litestar",
    "get_asgi_application": "Django",
}
PACKAGES = {
    "flask": "wsgi",
    "bottle": "wsgi",
    "falcon": "wsgi",
    "pyramid": "wsgi",
    "fastapi": "asgi",
    "starlette": "asgi",
    "quart": "asgi",
    "litestar": "asgi",
}
FACTORIES = ("create_app", "make_app")
SETTINGS = re.compile(r"DJANGO_SETTINGS_MODULE['\"]\s*,\s*['\"]([\w.]+)\.settings")


@dataclass(frozen=True)
class Server:
    command: tuple[str, ...]
    needs: str  # the package that must be in the environment, "" for none
    rule: str  # for people


def find(root: Path) -> Server | None:
    """Return the first rule that fires: Django, an app object or factory in a usual module, a script."""
    return _django(root) or _object(root) or _script(root)


def _django(root: Path) -> Server | None:
    manage = root / "manage.py"
    match = SETTINGS.search(manage.read_text(errors="replace")) if manage.is_file() else None
    if match is None:
        return None
    folder = root.joinpath(*match[1].split("."))
    for kind in ("wsgi", "asgi"):
        if (folder / f"{kind}.py").is_file():
            where = f"{match[1].replace('.', '/')}/{kind}.py"
            return _server(kind, f"{match[1]}.{kind}:application", f"Django project with manage.py and {where}")
    return None


def _object(root: Path) -> Server | None:
    for name in MODULES:
        tree = _parsed(root / name)
        module = name.removesuffix("/__init__.py").removesuffix(".py")
        found = tree and (_assigned(tree) or _made(tree))
        if found:
            kind, target, what = found
            return _server(kind, f"{module}:{target}", f"{what} in {name}")
    return None


def _script(root: Path) -> Server | None:
    for name in SCRIPTS:
        if (root / name).is_file():
            return Server(
                ("python", name),
                "",
                f"{name} is there and holds no known web framework; it must listen on $PORT itself",
            )
    return None


def _server(kind: str, target: str, rule: str) -> Server:
    if kind == "wsgi":
        return Server(("gunicorn", target), "gunicorn", f"WSGI: {rule}")
    if target.endswith("()"):
        return Server(("uvicorn", "--factory", target.removesuffix("()")), "uvicorn", f"ASGI: {rule}")
    return Server(("uvicorn", target), "uvicorn", f"ASGI: {rule}")


def _parsed(file: Path) -> ast.Module | None:
    try:
        return ast.parse(file.read_text(encoding="utf-8")) if file.is_file() else None
    except (SyntaxError, ValueError):  # the app's own fault, and its own message when it starts
        return None


def _assigned(tree: ast.Module) -> tuple[str, str, str] | None:
    """Find `name = Flask(…)`, or a name `app` or `application` in a module that imports a framework."""
    imported = _kind_imported(tree)
    for node in _top(tree):
        if not isinstance(node, (ast.Assign, ast.AnnAssign)) or not isinstance(node.value, ast.Call):
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        if not isinstance(target, ast.Name):
            continue
        called = _last_name(node.value.func)
        for kind, makers in (("wsgi", WSGI), ("asgi", ASGI)):
            if called in makers:
                return kind, target.id, f"{makers[called]} object `{target.id}`"
        if imported and target.id in ("app", "application"):
            return imported[0], target.id, f"`{target.id}` and an import of {imported[1]}"
    return None


def _made(tree: ast.Module) -> tuple[str, str, str] | None:
    """Find a factory in a module that imports a framework."""
    imported = _kind_imported(tree)
    for node in tree.body:
        if imported and isinstance(node, ast.FunctionDef) and node.name in FACTORIES:
            return imported[0], f"{node.name}()", f"factory `{node.name}` and an import of {imported[1]}"
    return None


def _top(tree: ast.Module) -> list[ast.stmt]:
    """Return the statements of the module, also those under if and try."""
    found: list[ast.stmt] = []
    for node in tree.body:
        found.append(node)
        if isinstance(node, (ast.If, ast.Try)):
            found += node.body
    return found


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _kind_imported(tree: ast.Module) -> tuple[str, str] | None:
    names = [alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom) and not node.level]
    roots = [name.split(".")[0] for name in names]
    return next(((PACKAGES[root], root) for root in roots if root in PACKAGES), None)
