"""What the operator can do: one class for each kind of the closed catalogue. See `base` for what each has."""
