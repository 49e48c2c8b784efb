"""A release signed and checked with `ssh-keygen -Y`: one signature over tagmanifest-sha256.txt covers every byte.

Anyone has ssh-keygen, ed25519 signatures are the same each time, and the user needs no service to check them.
"""

import base64
import re
import subprocess
from pathlib import Path

from pipeline.errors import StoreError
from pipeline.release import manifest

_NAMESPACE = "onrecord"
_HEAD, _TAIL = "-----BEGIN SSH SIGNATURE-----\n", "-----END SSH SIGNATURE-----\n"
_COLUMNS = 70


def sign(built: Path, key: Path) -> None:
    """Sign a finished folder with the private key in a file, or the agent's key for a public one.

    Raises StoreError with what ssh-keygen said when it would not.
    """
    done = _ssh_keygen("sign", "-f", str(key), "-n", _NAMESPACE, str(built / manifest.TAGS), stdin=None)
    if done.returncode:
        raise StoreError(f"{key}: ssh-keygen did not sign: {_last_line(done)}")


def check(folder: Path, signers: Path | None = None) -> tuple[str | None, str]:
    """What is wrong with a release's signature, None when it is right; and by whom it is, '' when there is none.

    Args:
        folder: the release.
        signers: an allowed-signers file of ssh; with it the signature must be there and by one of these. Without it a
            signature must only fit the bytes, whoever's it is.
    """
    path = folder / manifest.SIGNATURE
    if not path.is_file():
        return ("the release is not signed, and --signers asks for a signature" if signers else None), ""
    if not _is_armoured(path.read_bytes()):
        return "is damaged: no SSH signature as ssh-keygen writes it", ""
    content = (folder / manifest.TAGS).read_bytes()
    arguments = ["-n", _NAMESPACE, "-s", str(path)]
    if signers is None:
        done = _ssh_keygen("check-novalidate", *arguments, stdin=content)
    else:
        found = _ssh_keygen("find-principals", "-f", str(signers), "-s", str(path), stdin=content)
        if found.returncode:
            return f"was made with a key that {signers} does not name", ""
        who = found.stdout.decode().splitlines()[0]
        done = _ssh_keygen("verify", "-f", str(signers), "-I", who, *arguments, stdin=content)
    if done.returncode:
        return f"does not fit {manifest.TAGS}: {_last_line(done)}", ""
    return None, re.sub(r'^Good "onrecord" signature ', "", done.stdout.decode().strip())


def _is_armoured(content: bytes) -> bool:
    """Whether the file is byte for byte what ssh-keygen writes: readers skip over much that may have been flipped."""
    try:
        told = content.decode("ascii")
        blob = base64.b64decode(told.removeprefix(_HEAD).removesuffix(_TAIL).replace("\n", ""), validate=True)
    except ValueError:
        return False
    encoded = base64.b64encode(blob).decode("ascii")
    lines = "".join(f"{encoded[at : at + _COLUMNS]}\n" for at in range(0, len(encoded), _COLUMNS))
    return told == _HEAD + lines + _TAIL


def _ssh_keygen(action: str, *arguments: str, stdin: bytes | None) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["ssh-keygen", "-Y", action, *arguments],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        raise StoreError("ssh-keygen is not installed; signatures need it (Debian: openssh-client).") from None


def _last_line(done: subprocess.CompletedProcess[bytes]) -> str:
    told = (done.stderr or done.stdout).decode(errors="backslashreplace").strip().splitlines()
    return told[-1] if told else f"exit status {done.returncode}"
