"""A Python app: which version, which packages, which server."""
