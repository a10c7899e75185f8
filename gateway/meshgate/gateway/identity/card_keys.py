"""The keys that cards are signed with: derived from the mesh key and a number in the registry, or from files.

Every gateway derives the same keys, so nothing is distributed. The number, the *generation*, is raised to get a new
key; the last one's public key stays published, because cards that it signed are still in caches.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from meshgate.a2a.signatures.card_signer import CardSigner
from meshgate.a2a.signatures.jwk import jwk_of
from meshgate.gateway.identity.mesh_key import MeshKey, WeakSecret
from meshgate.gateway.version import VERSION
from meshgate.registry.extras import SIGNATURES, has
from meshgate.registry.model import CARD_KEY, Delta, Entry, Instance

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

__all__ = ["KEYS_PATH", "CardKeys", "generation_of", "generation_row", "key_set_url", "read_card_keys"]

log = structlog.get_logger(__name__)
KEYS_PATH = "/.well-known/jwks.json"
"""Where the public keys are, on the data port."""
_LARGEST = 16 * 1024
"""Largest file of a key, in bytes."""
_OTHERS = 0o077
"""What others than a file's owner may do with it."""
_NO_KEYS = b'{"keys":[]}'
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The number of points of P-256: private keys are 1 to one less (FIPS 186-5, section 3.2.1.3 of SP 800-186)."""
_ROW = re.compile(r"gw-card-key-([1-9]\d{0,8})\Z")
"""The id of the row of a generation, whose MAC covers it. No agent's id begins so."""
_REMEDY = "openssl ecparam -name prime256v1 -genkey -noout -out card.pem"


def key_set_url(base_url: str) -> str:
    """The URL that signatures name for the public keys; "" for none: what came over plain HTTP proves nothing."""
    return base_url + KEYS_PATH if base_url.startswith("https:") else ""


def generation_row(mesh: MeshKey, generation: int) -> Instance:
    """The row of the registry that puts a generation in force."""
    # 0.2.0 reads it on Consul as a gateway's row, and takes one without a version for a gateway of 0.1.
    labels = {"version": VERSION.replace("+", "-")}
    row = Instance(f"gw-card-key-{generation}", "gateway", "", labels=labels, kind=CARD_KEY, lasting=True)
    return mesh.sign_row(row)


def generation_of(entries: Iterable[Entry]) -> int:
    """The newest generation among rows of the registry; 1 if none says."""
    rows = (entry.instance for entry in entries)
    named = (_ROW.match(row.id) for row in rows if row.kind == CARD_KEY)
    return max((int(found[1]) for found in named if found is not None), default=1)


class CardKeys:
    """The key that signs cards now, and the public keys that may be found under what was signed.

    Args:
        mesh: the mesh key.
        files: PEM files to use instead: the first signs, the others are published.
        jku: the URL at which the keys are published, named in each signature; "" to name none.

    Raises:
        WeakSecret: see ``read_card_keys``.
    """

    def __init__(self, mesh: MeshKey, files: Sequence[Path] = (), jku: str = "") -> None:
        self._mesh, self._jku = mesh, jku
        self._files = read_card_keys(files)
        self._signs = _can_sign()
        self.generation = 0
        """The newest generation that was seen. It never falls: a registry that forgets brings no old key back."""
        self.signer: CardSigner | None = None
        """None where cards cannot be signed."""
        self.published = _NO_KEYS
        """The set of public keys (RFC 7517, section 5)."""
        self._take(1)

    def learn(self, delta: Delta) -> None:
        """Take in what changed in the registry."""
        generation = generation_of(delta.put)
        if generation > self.generation:
            self._take(generation)

    def _take(self, generation: int) -> None:
        self.generation = generation
        if not self._signs:
            return
        if self._files is not None:
            signing, known = self._files
        else:
            signing = self._derived(generation)
            known = (self._derived(generation - 1).public_key(),) if generation > 1 else ()
        self.signer = CardSigner(signing, self._jku)
        keys = [self.signer.jwk, *map(jwk_of, known)]
        self.published = msgspec.json.encode({"keys": keys})

    def _derived(self, generation: int) -> EllipticCurvePrivateKey:
        from cryptography.hazmat.primitives.asymmetric import ec

        # Twice as many bits as the order has: the remainder is as good as random (FIPS 186-5, appendix A.2.1).
        seed = int.from_bytes(self._mesh.card_seed(generation), "big")
        return ec.derive_private_key(seed % (_ORDER - 1) + 1, ec.SECP256R1())


def read_card_keys(
    files: Sequence[Path],
) -> tuple[EllipticCurvePrivateKey, tuple[EllipticCurvePublicKey, ...]] | None:
    """The private key of the first file, and the public keys of the others; None if there are no files.

    Raises:
        WeakSecret: a file cannot be read, is no key on P-256 in PEM, or holds a private key that others may read.
    """
    if not files:
        return None
    if not has(SIGNATURES):
        raise WeakSecret("card_keys: cards cannot be signed here: pip install 'meshgate[gateway]'")
    first, *others = map(_read, files)
    if isinstance(first, tuple):
        signing, _ = first
        return signing, tuple(one[1] if isinstance(one, tuple) else one for one in others)
    raise WeakSecret(f"card_keys: {files[0]} holds a public key, and the first one signs: put a private key there")


def _read(path: Path) -> tuple[EllipticCurvePrivateKey, EllipticCurvePublicKey] | EllipticCurvePublicKey:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST)
    except OSError as error:
        raise WeakSecret(f"card_keys: {path} cannot be read ({error.strerror}): give the path of a PEM file") from None
    private = b"PRIVATE KEY" in data
    try:
        key = load_pem_private_key(data, None) if private else load_pem_public_key(data)
    except (ValueError, TypeError):
        raise WeakSecret(f"card_keys: {path} is no key in PEM without a password: {_REMEDY}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise WeakSecret(f"card_keys: {path} is no key on P-256: {_REMEDY}")
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key
    if path.stat().st_mode & _OTHERS:
        raise WeakSecret(f"card_keys: {path} can be read by others: chmod 600 {path}")
    return key, key.public_key()


def _can_sign() -> bool:
    if not has(SIGNATURES):
        return False
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        ec.ECDSA(SHA256(), deterministic_signing=True)
    except UnsupportedAlgorithm:
        # Each signature of a card would be another one, and so would its validator.
        log.warning("cards_not_signed", reason="this cryptography has an OpenSSL before 3.2", remedy="update it")
        return False
    return True
