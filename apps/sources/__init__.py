"""What was received: one row per source, its bytes in the blob store."""
