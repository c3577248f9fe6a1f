"""An Alertmanager on loopback: groups, silences, webhooks, and the API v2."""
