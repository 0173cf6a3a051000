"""Input that means harm: requests and prompts, as tables."""
