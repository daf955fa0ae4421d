"""One row per build: queued, running, ended."""
