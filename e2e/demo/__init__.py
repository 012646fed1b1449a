"""The demo: from `kubectl apply` to a healed and scaled fleet, told as one story."""
