"""The limits as Rego, their numbers as data, and the one function `decide`."""
