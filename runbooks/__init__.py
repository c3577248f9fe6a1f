"""The starter runbooks: markdown with front matter, cited by id."""
