"""Instances and domains in, router state out."""
