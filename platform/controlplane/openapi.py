"""How the API describes itself: short names, one tag per noun, and the problem that any answer may be."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

VERBS = {"get": "get", "post": "create", "patch": "change", "delete": "delete", "put": "put"}
SPOKEN = {"Cancel": "cancelDeploy", "Rollback": "rollBack"}  # verbs already
PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `code` is <stage>:<user|platform>:<name>; `hint` says what to do next.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "example": "app:user:name-taken"},
        "hint": {"type": "string"},
        "evidence": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {name: {"type": "string"} for name in ("pointer", "code", "detail")},
            },
        },
    },
}


class Schema(AutoSchema):
    """Names from the view's class: `GET /apps/{app}` is `getAppItem`."""

    def get_operation_id(self) -> str:
        name = type(self.view).__name__
        return SPOKEN.get(name) or VERBS[self.method.lower()] + name

    def get_tags(self) -> list[str]:
        """Return the last noun of the path."""
        parts = [part for part in self.path.removeprefix("/api/v1/").split("/") if not part.startswith("{")]
        return [parts[-1] if parts[-1] not in ("cancel", "rollback") else "deploys"]

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        name: str = super().get_serializer_name(serializer, direction)
        return name.replace("Shape", "")


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "apps.accounts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer"}


class PageScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "apps.accounts.authentication.PageAuthentication"
    name = "page"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "session",
            "description": "A page's session, with CSRF token.",
        }


PAGING = [
    {"in": "query", "name": "limit", "schema": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}},
    {"in": "query", "name": "cursor", "schema": {"type": "string"}, "description": "From next or prev of a page."},
]


def finish(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say that every answer may be a problem, and how lists are paged."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operations in result["paths"].values():
        for operation in operations.values():
            if _answers_a_page(operation):
                operation["parameters"] = [*operation.get("parameters", []), *PAGING]
            operation["responses"]["default"] = {"description": "What went wrong.", "content": content}
    return result


def _answers_a_page(operation: dict[str, Any]) -> bool:
    content = operation["responses"].get("200", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    return str(schema.get("$ref", "")).endswith("Page")
