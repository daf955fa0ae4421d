"""Every change of what runs: the story of a deploy, told once."""
