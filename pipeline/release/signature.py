"""A release signed and checked with `ssh-keygen -Y`: one signature over tagmanifest-sha256.txt covers every byte.

The list of versions carries one over itself, in another namespace, so that neither can stand for the other. Anyone has
ssh-keygen, ed25519 signatures are the same each time, and the user needs no service to check them.
"""

import base64
import re
import subprocess
import tempfile
from pathlib import Path

from pipeline.errors import StoreError
from pipeline.release import manifest

RELEASE, LIST = "onrecord", "onrecord-versions"
"""What is signed, as ssh names it."""
_HEAD, _TAIL = "-----BEGIN SSH SIGNATURE-----\n", "-----END SSH SIGNATURE-----\n"
_COLUMNS = 70
_KEY = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


def sign(built: Path, key: Path) -> None:
    """Sign a finished folder with the private key in a file, or the agent's key for a public one.

    Raises StoreError with what ssh-keygen said when it would not.
    """
    armoured = of((built / manifest.TAGS).read_bytes(), key, RELEASE)
    (built / manifest.SIGNATURE).write_text(armoured, encoding="ascii", newline="\n")


def of(content: bytes, key: Path, namespace: str) -> str:
    """The signature of some bytes, as ssh-keygen writes it; StoreError as `sign` raises it."""
    done = _ssh_keygen("sign", "-f", str(key), "-n", namespace, stdin=content)
    if done.returncode:
        raise StoreError(f"{key}: ssh-keygen did not sign: {_last_line(done)}")
    return done.stdout.decode("ascii")


def check(folder: Path, signers: Path | None = None) -> tuple[str | None, str]:
    """What is wrong with a release's signature, None when it is right; and by whom it is, '' when there is none.

    `signers` as in `fits`; with it a release must be signed.
    """
    path = folder / manifest.SIGNATURE
    if not path.is_file():
        return ("the release is not signed, and --signers asks for a signature" if signers else None), ""
    return fits((folder / manifest.TAGS).read_bytes(), path.read_bytes(), RELEASE, signers)


def fits(content: bytes, armoured: bytes, namespace: str, signers: Path | None = None) -> tuple[str | None, str]:
    """What is wrong with a signature of some bytes, None when it is right; and by whom and with which key it is.

    Args:
        content: what was signed.
        armoured: the signature.
        namespace: what it was signed as.
        signers: an allowed-signers file of ssh; with it the signature must be by one of these. Without it a signature
            must only fit the bytes, whoever's it is.
    """
    if not _is_armoured(armoured):
        return "is damaged: no SSH signature as ssh-keygen writes it", ""
    with tempfile.NamedTemporaryFile(suffix=".sig") as file:
        file.write(armoured)
        file.flush()
        arguments = ["-n", namespace, "-s", file.name]
        if signers is None:
            done = _ssh_keygen("check-novalidate", *arguments, stdin=content)
        else:
            found = _ssh_keygen("find-principals", "-f", str(signers), "-s", file.name, stdin=content)
            if found.returncode:
                return f"was made with a key that {signers} does not name", ""
            who = found.stdout.decode().splitlines()[0]
            done = _ssh_keygen("verify", "-f", str(signers), "-I", who, *arguments, stdin=content)
    if done.returncode:
        return f"does not fit what it signs: {_last_line(done)}", ""
    return None, re.sub(r'^Good "[a-z-]+" signature ', "", done.stdout.decode().strip())


def key_of(who: str) -> str:
    """The fingerprint of the key in what `fits` says of a signer."""
    match = _KEY.search(who)
    return match[0] if match else ""


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
