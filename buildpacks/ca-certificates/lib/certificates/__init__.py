"""Certificates of bindings."""
