"""Explain a case: by runbooks, by Claude, or by the first that answers."""
