"""A kind cluster with both images, for as long as a command runs beside it.

`python -m kind -- COMMAND`; the command finds the cluster in KUBECONFIG and IMCHAT_E2E_CONTEXT. It
needs Docker, kind and kubectl, and the right to add routes (Linux), so that tests reach the
pods' own addresses.

This has been written without a Docker to run it on: what is tested is that the right commands are
run in the right order (e2e/tests/test_kind.py), not that kind does what they ask for.
"""
