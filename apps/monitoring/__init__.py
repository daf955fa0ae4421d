"""What probes last saw, and stored lines."""
