"""How config reaches a process: the one function."""

from __future__ import annotations

from collections.abc import Mapping

OPEN = "{{"
ESCAPED = '{{"{{"}}'  # a template action that prints two braces
SLOT = "{{.Task.Slot}}"


def deliver(config: Mapping[str, str]) -> dict[str, str]:
    """Return `config` as the environment of a Swarm service, each value arriving as it is.

    Swarm expands every value as a Go template (docs of `docker service create`, "Create services using templates"):
    `{{` would be an action, or an error that rejects the task for ever.
    """
    return {key: value.replace(OPEN, ESCAPED) for key, value in config.items()}
