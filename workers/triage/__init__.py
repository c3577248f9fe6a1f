"""Deterministic triage of one Kubernetes cluster: reads, rules, order. No guesses; `loop/observe.py` is its entry."""
