"""The digest: facts from the records, what they say, a message with its thread and picture, sent when due."""
