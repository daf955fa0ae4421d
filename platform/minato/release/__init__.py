"""Image, config and formation in, Spec out."""
