"""What became of an action: looks, and what they show."""
