"""git's pkt-line framing (gitprotocol-common): four hex digits of length, then the bytes."""

from __future__ import annotations

FLUSH = b"0000"
LONGEST = 65520


def packet(data: bytes) -> bytes:
    """Return one pkt-line. Raises ValueError over 65,516 bytes."""
    if len(data) + 4 > LONGEST:
        raise ValueError("pkt-line too long")
    return b"%04x" % (len(data) + 4) + data


def announcement(service: str) -> bytes:
    """Return what smart HTTP puts before the list of refs."""
    return packet(f"# service=git-{service}\n".encode()) + FLUSH
