"""Domain types, settings, Redis stores, the ledger and errors: what every process shares. Imports nothing above it."""
