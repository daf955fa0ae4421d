"""Source and stack in, image out: one file per lifecycle phase."""
