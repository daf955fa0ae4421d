"""Programs that run alone under `python3 -IS`: standard library only."""
