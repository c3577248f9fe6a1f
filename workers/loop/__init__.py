"""The loop, a module a stage: observe, recall, reason, plan, validate, report. `run` takes them in order."""
