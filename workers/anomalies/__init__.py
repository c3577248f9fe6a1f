"""What is unusual for its hour of the week: normals learned from Prometheus, looked at every few minutes."""
