"""Commands that need stored state alone; those that need the outside are in workers/commands."""
