"""The loop, a module a stage: observe, recall, reason, plan, validate, act, verify, report. `run` takes them in order
as far as nothing is changed; `act` and `verify` are the operator's."""
