"""Files of weights, read only where they are the ones that this version was measured with."""

from hashlib import sha256
from pathlib import Path

from pipeline.errors import StoreError


def pinned(path: Path, digest: str) -> bytes:
    """The content of a file of weights; StoreError where it is missing or has another SHA-256 than `digest`."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path}: the weights cannot be read ({error.strerror}); install the package again") from error
    found = sha256(content).hexdigest()
    if found != digest:
        raise StoreError(
            f"{path}: SHA-256 is {found}, expected {digest}; install the package again, or pin the new digest after "
            "training"
        )
    return content
