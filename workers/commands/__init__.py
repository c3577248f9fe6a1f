"""Commands that run what workers run."""
