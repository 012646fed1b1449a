"""A Kubernetes operator for fleets of WebSocket gateways."""
