"""The images that builds stand on."""
