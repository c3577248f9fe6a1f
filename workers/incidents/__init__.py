"""What is done for how people run incidents: reminders, channels of their own, similar ones."""
