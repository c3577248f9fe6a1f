"""What RQ runs: the loop, its tools (read), the memory, the notifier."""
