"""What Minato remembers and shows."""
