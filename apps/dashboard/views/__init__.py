"""One view, one context, one page."""
