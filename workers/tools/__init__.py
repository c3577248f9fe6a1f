"""What a reasoner may read with. Nothing here changes anything."""
