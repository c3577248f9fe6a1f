"""A pretend company on loopback: Slack, a cluster, Prometheus and Alertmanager that speak the real protocols."""
