"""The archive normaliser: `python3 -IS <this folder>`, standard library only."""
