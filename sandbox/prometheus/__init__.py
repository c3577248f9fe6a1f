"""A Prometheus on loopback: samples of the pretend company, PromQL over them, alert rules and the query API."""
