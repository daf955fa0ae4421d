"""The only code that touches the outside. Each driver has a fake that passes the same contract tests."""
