"""What docs/performance.md says is measured here: one file per figure, its floors beside it in the same run."""
