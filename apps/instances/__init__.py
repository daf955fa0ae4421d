"""Nodes and the containers seen on them."""
