"""Certificates, keys, tokens and kubeconfigs of one control plane, made anew at each start.

Everything lies in one folder that only its owner can enter. One authority signs the API server's
and etcd's serving certificates (for where they listen) and the client certificates. A second
one signs only what the API server shows to aggregated API servers: whom they take a user's name
from without a question must not be anybody who has a client certificate.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import secrets
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LIFETIME: Final = dt.timedelta(days=365)
LOOPBACK: Final = "127.0.0.1"
FRONT_PROXY: Final = "front-proxy-client"
"""The name by which aggregated API servers know this API server."""
# Clocks that are set back a little after the start must not make the certificates invalid.
_BACKDATED: Final = dt.timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """All that the three processes and the administrator authenticate with."""

    authority: Identity
    front_proxy_authority: Identity
    front_proxy: Identity
    server: Identity
    etcd_client: Identity
    service_accounts: Identity
    tokens: Path
    admin_token: str
    controller_manager_token: str


class Authority:
    """A certificate authority whose key lives in memory and in one file."""

    def __init__(
        self, folder: Path, name: str, file: str, addresses: Sequence[str] = (LOOPBACK,)
    ) -> None:
        self._folder = folder
        self._addresses = [x509.IPAddress(ipaddress.ip_address(a)) for a in addresses]
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _common_name(name)
        certificate = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_AUTHORITY_USAGE, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.identity = _written(folder / file, certificate, self._key)

    def signed(self, name: str) -> Identity:
        """A new identity that may serve on the addresses and be a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        certificate = (
            self._builder(_common_name(name), key)
            .add_extension(
                x509.SubjectAlternativeName([*self._addresses, _LOCALHOST]), critical=False
            )
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return _written(self._folder / name, certificate, key)

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey
    ) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BACKDATED)
            .not_valid_after(now + _LIFETIME)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(identifier, critical=False)
        )


def make_credentials(folder: Path, addresses: Sequence[str] = (LOOPBACK,)) -> Credentials:
    """Write new credentials into an existing folder that only its owner can enter.

    `addresses` are where the API server and etcd are asked.
    """
    authority = Authority(folder, "imchat-controlplane", "ca", addresses)
    front_proxy_authority = Authority(folder, "imchat-front-proxy", "front-proxy-ca")
    admin_token, controller_manager_token = secrets.token_hex(32), secrets.token_hex(32)
    tokens = folder / "tokens.csv"
    _write_secret(
        tokens,
        f"{admin_token},imchat-admin,imchat-admin,system:masters\n"
        f"{controller_manager_token},system:kube-controller-manager,kube-controller-manager\n",
    )
    return Credentials(
        authority=authority.identity,
        front_proxy_authority=front_proxy_authority.identity,
        front_proxy=front_proxy_authority.signed(FRONT_PROXY),
        server=authority.signed("server"),
        etcd_client=authority.signed("etcd-client"),
        service_accounts=authority.signed("service-accounts"),
        tokens=tokens,
        admin_token=admin_token,
        controller_manager_token=controller_manager_token,
    )


def write_kubeconfig(path: Path, *, server: str, authority: Path, user: dict[str, str]) -> None:
    """Write a kubeconfig with one context, `imchat-local`; `user` is its kubeconfig user entry."""
    name = "imchat-local"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": name,
                "cluster": {
                    "server": server,
                    "certificate-authority-data": b64encode(authority.read_bytes()).decode(),
                },
            }
        ],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    _write_secret(path, yaml.safe_dump(content, sort_keys=False))


_LOCALHOST: Final = x509.DNSName("localhost")
_AUTHORITY_USAGE: Final = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _written(
    stem: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> Identity:
    identity = Identity(certificate=stem.with_suffix(".crt"), key=stem.with_suffix(".key"))
    identity.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _write_secret(identity.key, private.decode())
    return identity


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
