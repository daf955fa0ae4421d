"""Git pack or archive in, Source out."""
