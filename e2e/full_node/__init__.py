"""A cluster of real nodes: kubelet, containerd, runc, kube-proxy and kube-scheduler (Linux, root).

    python -m full_node -- COMMAND

runs a command beside it, with KUBECONFIG and IMCHAT_E2E_CONTEXT set. All of it lives in namespaces
of its own (network, mounts, processes), so that the kernel takes it away when this process ends, in
whatever way. docs/full-node.md has the rest.
"""
