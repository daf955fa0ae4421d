"""make run and friends: one file per thing it starts."""
