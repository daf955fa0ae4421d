"""The node process: instances, router, logs, probes."""
