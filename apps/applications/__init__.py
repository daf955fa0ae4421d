"""What teams own: apps, process types, config, domains."""
