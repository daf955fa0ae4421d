"""The words that every stage and driver shares."""
