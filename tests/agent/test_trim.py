"""A log that is held open for life gives its space back, and no offset moves."""

from __future__ import annotations

from agent.trim import BLOCK, trim


def test_what_was_taken_is_freed_and_what_was_not_stays(tmp_path):
    file = tmp_path / "router.log"
    line = b"t=1 app=a_shopshopsh " + b"x" * 1002 + b"\n"
    with file.open("ab", buffering=0) as writer:
        for _ in range(8 * 1024):
            writer.write(line)
        size, blocks = file.stat().st_size, file.stat().st_blocks
        upto = 6 * BLOCK + 17
        assert trim(file, upto) >= 4 * BLOCK
        writer.write(b"after\n")
    assert file.stat().st_size == size + 6
    assert file.stat().st_blocks < blocks / 2
    content = file.read_bytes()
    assert content.startswith(line)
    assert content[upto:size] == (line * 8 * 1024)[upto:]
    assert content.endswith(b"after\n")


def test_a_second_time_costs_nothing_and_a_small_or_missing_log_is_left(tmp_path):
    file = tmp_path / "router.log"
    file.write_bytes(b"x" * (4 * BLOCK))
    assert trim(file, 3 * BLOCK) > 0
    assert trim(file, 3 * BLOCK) == 0
    assert trim(file, BLOCK) == 0
    assert trim(tmp_path / "none", 9 * BLOCK) == 0
