"""What is installed is what was locked: a package with other bytes is refused before any of it runs."""

import hashlib
import importlib.util
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def test_the_lock_names_one_version_and_the_digests_of_each_package() -> None:
    """No entry without `==` and SHA-256, none from an address, and `make` installs with both or not at all."""
    entries = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", LOCK, flags=re.MULTILINE).strip())

    assert len(entries) > 100
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+==[^\s;]+(?: ;[^\\]+)?(?: \\\n    --hash=sha256:[0-9a-f]{64})+$", entry), entry
    install = next(
        line for line in (ROOT / "Makefile").read_text().splitlines() if "requirements.lock" in line and "pip" in line
    )
    assert "--require-hashes" in install


@pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="pip is not installed in this environment")
def test_a_wheel_with_one_other_bit_is_not_installed(tmp_path: Path) -> None:
    """The installer takes a wheel under the lock's kind of entry, and refuses it when one bit of it was flipped."""
    wheel = tmp_path / "tiny_thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_thing.py", "raise SystemExit('it ran')\n")
        archive.writestr("tiny_thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-thing\nVersion: 1.0\n")
        tag = "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr("tiny_thing-1.0.dist-info/WHEEL", tag)
        archive.writestr("tiny_thing-1.0.dist-info/RECORD", "tiny_thing.py,,\n")
    content = wheel.read_bytes()
    lock = tmp_path / "lock"
    lock.write_text(f"tiny-thing==1.0 \\\n    --hash=sha256:{hashlib.sha256(content).hexdigest()}\n")
    place = content.index(b"it ran")
    installed = []
    for turn, found in enumerate((content, content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])):
        wheel.write_bytes(found)
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--require-hashes",
            "--no-index",
            "--no-cache-dir",
            "--quiet",
        ]
        command += [
            "--disable-pip-version-check",
            "--find-links",
            tmp_path,
            "--target",
            tmp_path / str(turn),
            "-r",
            lock,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        installed.append((done.returncode, (tmp_path / str(turn) / "tiny_thing.py").is_file()))

    assert installed == [(0, True), (1, False)]
    assert "DO NOT MATCH THE HASHES" in done.stderr
