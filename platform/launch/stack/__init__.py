"""Debian images from a recipe in `stacks/`: one mmdebstrap, then one overlay layer each, written as OCI by Python."""
