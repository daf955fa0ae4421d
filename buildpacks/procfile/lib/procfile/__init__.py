"""Process types from a Procfile."""
