"""Slots and router generations."""
