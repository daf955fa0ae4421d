"""What an image says of itself was within reach of its build's code."""

from __future__ import annotations

import pytest

from minato.build.result import lines_of
from minato.errors import UserError


def process(name: str, *words: str) -> dict[str, object]:
    return {"type": name, "command": list(words or ("run",)), "args": []}


def test_a_process_is_shown_as_people_wrote_it():
    found = lines_of([process("web", "bash", "-c", "python app.py $PORT"), process("worker-2", "run", "a b")])
    assert found == {"web": "python app.py $PORT", "worker-2": "run 'a b'"}


@pytest.mark.parametrize("name", ["", "a.b", "../x", "{{.Node.ID}}", "web\n", "Web", "w" * 64, "a b"])
def test_an_odd_process_type_ends_the_build(name: str):
    with pytest.raises(UserError) as caught:
        lines_of([process("web"), process(name)])
    assert caught.value.code == "build:user:process-type"


def test_nobody_declares_types_without_end():
    assert len(lines_of([process(f"w{n}") for n in range(50)])) == 50
    with pytest.raises(UserError, match="51 process types"):
        lines_of([process(f"w{n}") for n in range(51)])
