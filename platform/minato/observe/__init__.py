"""Lines, counters and probes in, health out."""
