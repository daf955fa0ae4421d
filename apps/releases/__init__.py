"""Immutable, numbered: image, config and formation."""
