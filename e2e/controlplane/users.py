"""Further users of a control plane, to see what RBAC lets them do.

Through the API (a CertificateSigningRequest, approved by the administrator), so that it works on
any cluster that signs client certificates: ours and kind's do.
"""

from __future__ import annotations

import json
import uuid
from base64 import b64encode
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .errors import ControlPlaneError
from .kubectl import kubectl

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .cluster import ControlPlane

_SIGNED_SECONDS: Final = 30
_HOUR: Final = 3600


def kubeconfig_of(
    control_plane: ControlPlane, user: str, groups: Sequence[str] = (), *, seconds: int = _HOUR
) -> Path:
    """A kubeconfig of a user who may do what RBAC grants that name and those groups.

    It lies beside the administrator's and is valid for so many seconds.

    Raises:
        ControlPlaneError: the cluster did not sign; the text has its answer.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    entry = {
        "client-certificate-data": _signed(control_plane, _request(key, user, groups), seconds),
        "client-key-data": b64encode(private).decode(),
    }
    config = yaml.safe_load(control_plane.kubeconfig.read_text(encoding="utf-8"))
    config["users"] = [{"name": each["name"], "user": entry} for each in config["users"]]
    target = control_plane.kubeconfig.with_name(f"{quote(user, safe='')}.kubeconfig")
    target.touch(mode=0o600)
    target.write_text(yaml.safe_dump(config), encoding="utf-8")
    return target


def _request(key: ec.EllipticCurvePrivateKey, user: str, groups: Sequence[str]) -> str:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, user),
            *(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups),
        ]
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    pem = request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return b64encode(pem).decode()


def _signed(control_plane: ControlPlane, request: str, seconds: int) -> str:
    name = f"imchat-e2e-{uuid.uuid4()}"
    manifest = {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": {
            "request": request,
            "signerName": "kubernetes.io/kube-apiserver-client",
            "usages": ["client auth"],
            "expirationSeconds": seconds,
        },
    }
    certificate = "jsonpath={.status.certificate}"
    waiting = f"--for={certificate}", f"--timeout={_SIGNED_SECONDS}s"
    try:
        _run(control_plane, "create", "--filename=-", manifest=json.dumps(manifest))
        _run(control_plane, "certificate", "approve", name)
        _run(control_plane, "wait", f"csr/{name}", *waiting)
        return _run(control_plane, "get", f"csr/{name}", "--output", certificate)
    finally:
        kubectl("delete", "csr", name, "--ignore-not-found", kubeconfig=control_plane.kubeconfig)


def _run(control_plane: ControlPlane, *arguments: str, manifest: str | None = None) -> str:
    done = kubectl(*arguments, kubeconfig=control_plane.kubeconfig, manifest=manifest)
    if done.returncode != 0:
        raise ControlPlaneError(f"kubectl {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout
