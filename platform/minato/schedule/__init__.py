"""Spec and what runs in, plan of steps out."""
