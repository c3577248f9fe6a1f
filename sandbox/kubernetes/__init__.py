"""A Kubernetes on loopback: objects, the controllers and the kubelet that act on them, and the API in front."""
