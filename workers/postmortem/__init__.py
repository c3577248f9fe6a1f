"""Drafts of postmortems: facts with their sources, put together, or written by Claude over the same facts."""
