"""A certificate that the tests trust, made afresh for each run."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HERE = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


@dataclass(frozen=True)
class Certificates:
    """Both ends of a TLS connection to 127.0.0.1."""

    server: ssl.SSLContext
    client: ssl.SSLContext
    broken: dict[str, ssl.SSLContext]

    def bad(self, name: str) -> ssl.SSLContext:
        """A server's end whose certificate does not hold: ``expired``, ``wrong_name``, or of an ``unknown`` signer."""
        return self.broken[name]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("tls")
    signer = ec.generate_private_key(ec.SECP256R1())
    elsewhere = x509.DNSName("elsewhere.example")
    hour = timedelta(hours=1)
    good, trusted = _end(folder / "good", signer, HERE, hour)
    expired, known_once = _end(folder / "old", signer, HERE, -hour / 2)
    wrong_name, known_elsewhere = _end(folder / "name", signer, elsewhere, hour)
    unknown, _ = _end(folder / "unknown", ec.generate_private_key(ec.SECP256R1()), HERE, hour)
    client = ssl.create_default_context(cafile=trusted)
    for known in (known_once, known_elsewhere):  # so that each is refused for its own fault
        client.load_verify_locations(known)
    return Certificates(good, client, {"expired": expired, "wrong_name": wrong_name, "unknown": unknown})


def _end(
    folder: Path, signer: ec.EllipticCurvePrivateKey, of: x509.GeneralName, valid_for: timedelta
) -> tuple[ssl.SSLContext, Path]:
    """A server's end with a certificate that its own key signed; and the file of that certificate."""
    folder.mkdir()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{folder.name}.example")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(signer.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + valid_for)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([of]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        signer.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate
