"""The Slack face, the HTTP edge and the command line. It saves and enqueues; workers do the work."""
