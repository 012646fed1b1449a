"""The imperative shell: kopf, the Kubernetes API, HTTP, the clock; it decides nothing."""
