"""Who did what: one row for every state-changing act."""
