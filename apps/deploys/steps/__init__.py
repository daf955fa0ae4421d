"""One file per step of a deploy. A step is idempotent, ends in one conditional UPDATE, and says whether to go on."""
