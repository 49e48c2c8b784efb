"""What `verify` finds: any flipped bit, anywhere; what was added, taken away, rewritten or forged."""

import hashlib
import json
import os
import random
import shutil
import subprocess
import tempfile
from pathlib import Path

import faults
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import StoreError
from pipeline.release import Released, catalogue, manifest, publish, signature, verify


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ssh key, with an allowed-signers file beside it."""
    if not shutil.which("ssh-keygen"):
        pytest.skip("ssh-keygen is not there")
    path = tmp_path_factory.mktemp("key") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True)
    path.with_suffix(".signers").write_text(f"press@example.org {path.with_suffix('.pub').read_text()}")
    return path


@pytest.fixture(scope="module")
def kept(first: Released, second: Released, key: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages with one package: a release, and a second one that is signed."""
    output = tmp_path_factory.mktemp("kept")
    signed = tmp_path_factory.mktemp("signed") / "2.0.0"
    shutil.copytree(second.folder, signed)
    signature.sign(signed, key)
    (output / "tiny").mkdir()
    faults.add(first.folder, output / "tiny")
    faults.add(signed, output / "tiny")
    return output


@pytest.fixture
def output(kept: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    shutil.copytree(kept, tmp_path / "output")
    return tmp_path / "output"


def test_what_was_published_is_whole(kept: Path) -> None:
    """No fault is found in a release, in its package and in the folder of packages as they were published."""
    assert verify.path(kept / "tiny" / "1.0.0") == verify.path(kept / "tiny") == verify.path(kept) == []


def flipped(content: bytes, flips: random.Random, place: int) -> bytes:
    """The bytes with one bit flipped in the byte at a place."""
    spoilt = bytearray(content)
    spoilt[place] ^= 1 << flips.randrange(8)
    return bytes(spoilt)


def test_a_flipped_bit_is_found_in_every_file(output: Path) -> None:
    """One bit of a file flipped, first byte, last byte or any, is found, and the fault names the file."""
    flips = random.Random(7)
    held = catalogue.read(output / "tiny")
    each = 5 if "ONRECORD_FAULTS" not in os.environ else 1_000 // len(list(output.rglob("*"))) + 20
    tried = 0
    for entry in held.versions:
        folder = output / "tiny" / entry.version
        for name in manifest.files(folder):
            content = (folder / name).read_bytes()
            for place in (0, len(content) - 1, *(flips.randrange(len(content)) for _ in range(each))):
                (folder / name).write_bytes(flipped(content, flips, place))
                assert [name] == [fault.file for fault in verify.release(folder, entry)]
                tried += 1
            (folder / name).write_bytes(content)
    for path in sorted(path for path in (*output.glob("*.*"), *output.glob("tiny/*.*")) if path.is_file()):
        if path.name == ".lock":
            continue
        content = path.read_bytes()
        path.write_bytes(flipped(content, flips, flips.randrange(len(content))))
        name = catalogue.INDEX if path.parent == output else f"tiny/{path.name}"  # the index vouches for its page

        assert name in {fault.file for fault in verify.output(output)}
        path.write_bytes(content)
    assert verify.path(output) == []
    if "ONRECORD_FAULTS" in os.environ:
        print(f"\n{tried} flipped bits in releases, each found and its file named")


def test_a_release_by_itself_is_enough(kept: Path, tmp_path: Path) -> None:
    """A folder away from its package, as a reader has it, still tells a flipped bit in each of its files."""
    folder = tmp_path / "downloaded"
    shutil.copytree(kept / "tiny" / "2.0.0", folder)
    (folder / manifest.ORIGIN).write_text("{}")  # what `pull` notes beside a release

    assert verify.path(folder) == []
    for name in manifest.files(folder):
        if name == manifest.ORIGIN:
            continue
        content = (folder / name).read_bytes()
        spoilt = bytearray(content)
        spoilt[len(spoilt) // 2] ^= 4
        (folder / name).write_bytes(spoilt)
        assert verify.path(folder) != [], name
        (folder / name).write_bytes(content)


def test_a_file_more_or_less_or_other_is_found(output: Path) -> None:
    """A file added, lost, or put in place of another by a link, in a release or beside it, is named."""
    folder = output / "tiny" / "1.0.0"
    (folder / "extra.txt").write_text("")
    (folder / "data" / "csv" / "claims.csv").unlink()
    (output / "tiny" / "notes.txt").write_text("")
    (output / "tiny" / "tiny-1.0.0.zip").unlink()
    found = {fault.file: fault.message for fault in verify.path(output)}

    assert "is not listed" in found["tiny/1.0.0/extra.txt"]
    assert "not there" in found["tiny/1.0.0/data/csv/claims.csv"]
    assert "move it away" in found["tiny/notes.txt"]
    assert "makes it anew" in found["tiny/tiny-1.0.0.zip"]
    (folder / "extra.txt").unlink()
    (folder / "data" / "csv" / "claims.csv").symlink_to(folder / "data" / "csv" / "texts.csv")
    assert verify.fixity(folder)[0] == verify.Fault(
        "data/csv/claims.csv", "is no plain file, and a release has no others; delete it"
    )


def test_a_release_rewritten_with_its_sums_breaks_the_chain(output: Path) -> None:
    """A file changed and both lists made anew: whole by itself, but not what the list or the next release name."""
    folder = output / "tiny" / "1.0.0"
    (folder / "README.md").write_text("Nothing to see.\n")
    manifest.write_tags(folder, "tiny", "1.0.0")

    assert verify.fixity(folder) == []
    assert verify.path(folder)[0].file == manifest.TAGS
    assert verify.path(output)[0].file == f"tiny/1.0.0/{manifest.TAGS}"
    shutil.rmtree(output / "tiny" / "2.0.0")
    (output / "tiny" / catalogue.FILE).unlink()  # ... even when that list is gone
    shutil.unpack_archive(output / "tiny" / "tiny-2.0.0.zip", output / "tiny" / "2.0.0")
    with pytest.raises(StoreError, match=r"2\.0\.0: .* does not follow 1\.0\.0"):
        publish.renew(output / "tiny")


def test_a_list_of_versions_rewritten_to_hide_a_release_is_found(output: Path) -> None:
    """The last release taken out of versions.json, with its digest made anew, leaves a folder that it does not list."""
    held = catalogue.read(output / "tiny")
    shorter = catalogue.Catalogue(held.package, held.title, held.versions[:1], ())
    (output / "tiny" / catalogue.FILE).write_text(shorter.to_json())

    assert {"tiny/2.0.0", "tiny/tiny-2.0.0.zip", "tiny/latest.json"} <= {fault.file for fault in verify.path(output)}


@pytest.mark.parametrize(
    "line",
    [f"{'0' * 64}  ../../etc/passwd", f"{'0' * 64}  /etc/passwd", f"{'0' * 64}  data/../x", f"{'0' * 64} *data/x", "x"],
)
def test_a_list_that_leads_out_of_the_folder_is_no_list(tmp_path: Path, line: str) -> None:
    """A path upwards or absolute, or a line of another form, is refused before any file is opened."""
    (tmp_path / manifest.TAGS).write_text(line + "\n")

    with pytest.raises(StoreError, match="line 1 is no SHA-256 sum with a path"):
        manifest.read(tmp_path / manifest.TAGS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("é\n".encode(), "is no list of SHA-256 sums"),
        (f"{'0' * 64}  b\n{'0' * 64}  a\n".encode(), "its lines are not those of a sorted list, each path once"),
        (f"{'0' * 64}  a\n{'1' * 64}  a\n".encode(), "its lines are not those of a sorted list, each path once"),
        (f"{'0' * 64}  a\r\n".encode(), "its lines are not those of a sorted list, each path once"),
        (f"{'0' * 64}  a".encode(), "its lines are not those of a sorted list, each path once"),
        (f"{'0' * 64}  a\n{'0' * 64} a\n".encode(), "line 2 is no SHA-256 sum with a path"),
        (f"{'A' * 64}  a\n".encode(), "line 1 is no SHA-256 sum with a path"),
        (f"{'0' * 64}  {'a/' * 6}a\n".encode(), "line 1 is no SHA-256 sum with a path"),
    ],
)
def test_a_list_of_another_form_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """Only what would be written here byte for byte is a list: sorted, each path once, plain lines, lower case."""
    path = tmp_path / manifest.PAYLOAD
    path.write_bytes(content)

    with pytest.raises(StoreError) as refused:
        manifest.read(path)
    assert str(refused.value) == f"{path}: {said}."


_PATHS = st.lists(st.text("aZ0_-", min_size=1, max_size=9), min_size=1, max_size=6).map("/".join)


@given(st.dictionaries(_PATHS, st.binary(max_size=9), max_size=9))
def test_sums_written_are_sums_read(contents: dict[str, bytes]) -> None:
    """Any files that a release may have are listed with the sums that hashlib gives, and read back as they were."""
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / manifest.TAGS
        path.write_text(manifest.text(sums))

        assert path.read_text().splitlines() == [f"{sums[name]}  {name}" for name in sorted(sums)]
        assert manifest.read(path) == sums


def test_a_bag_lists_every_file_but_its_own_frame(tmp_path: Path) -> None:
    """Payload and tags share out all files; the second list, its signature and the notes of `pull` are in neither."""
    contents = {"data/a.txt": b"ab", "data/b/c.txt": b"c", "data.txt": b"", "b/data/d.txt": b"d", "a": b"e"}
    for name, content in (contents | dict.fromkeys((manifest.SIGNATURE, manifest.ORIGIN, manifest.SEEN), b"x")).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "data" / "empty").mkdir()
    (tmp_path / "link").symlink_to("data")
    assert manifest.files(tmp_path)[-2:] == ["link", manifest.SIGNATURE]
    (tmp_path / "link").unlink()
    data = manifest.write_payload(tmp_path)
    whole = manifest.write_tags(tmp_path, "tiny", "1.2.3")
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    frame = {"bag-info.txt", "bagit.txt", manifest.PAYLOAD}

    assert manifest.read(tmp_path / manifest.PAYLOAD) == {name: sums[name] for name in ("data/a.txt", "data/b/c.txt")}
    listed = manifest.read(tmp_path / manifest.TAGS)
    assert set(listed) == {"data.txt", "b/data/d.txt", "a"} | frame
    assert {name: listed[name] for name in ("data.txt", "b/data/d.txt", "a")} == {
        name: sums[name] for name in ("data.txt", "b/data/d.txt", "a")
    }
    assert data == hashlib.sha256((tmp_path / manifest.PAYLOAD).read_bytes()).hexdigest() == listed[manifest.PAYLOAD]
    assert whole == hashlib.sha256((tmp_path / manifest.TAGS).read_bytes()).hexdigest()
    assert (tmp_path / "bagit.txt").read_text() == "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    assert (tmp_path / "bag-info.txt").read_text() == "External-Identifier: tiny 1.2.3\nPayload-Oxum: 3.2\n"


def test_a_list_is_read_from_a_small_plain_file_only(tmp_path: Path) -> None:
    """A link, a pipe, a folder, a missing or an unlimited file are refused by name; the pipe is not waited for."""
    (tmp_path / "list").write_bytes(b"a")
    (tmp_path / "link").symlink_to("list")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with (tmp_path / "most").open("wb") as most, (tmp_path / "more").open("wb") as more:
        most.truncate(manifest.LIST_BYTES)
        more.truncate(manifest.LIST_BYTES + 1)
    refused = {}
    for name in ("link", "pipe", "folder", "none", "more"):
        with pytest.raises(StoreError) as error:
            manifest.small(tmp_path / name)
        refused[name] = str(error.value).removeprefix(f"{tmp_path / name}: ")

    assert refused == {
        "link": "is no plain file, and a release has no others.",
        "pipe": "is no plain file, and a release has no others.",
        "folder": "Is a directory.",
        "none": "No such file or directory.",
        "more": "has more than the 67,108,864 bytes that it may have.",
    }
    assert manifest.small(tmp_path / "list") == b"a"
    assert len(manifest.small(tmp_path / "most")) == manifest.LIST_BYTES


def test_rows_other_than_told_are_found(first: Released, tmp_path: Path) -> None:
    """A Parquet file with other rows under right sums: the digest of its rows in tables.json tells."""
    folder = tmp_path / "1.0.0"
    shutil.copytree(first.folder, folder)
    told = json.loads((folder / "tables.json").read_text())
    told["tables"]["dates"]["columns"]["text"] = "0" * 64
    (folder / "tables.json").write_text(json.dumps(told))
    manifest.write_tags(folder, "tiny", "1.0.0")

    assert verify.release(folder) == [verify.Fault("data/dates.parquet", "holds other rows than tables.json says")]


def test_a_signature_is_checked_against_who_may_sign(kept: Path, key: Path, tmp_path: Path) -> None:
    """With allowed signers, a release that is not signed, or by another key, is a fault."""
    signers = key.with_suffix(".signers")
    other = tmp_path / "signers"
    stranger = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger], check=True)
    other.write_text(f"press@example.org {stranger.with_suffix('.pub').read_text()}")

    assert verify.path(kept / "tiny" / "2.0.0", signers) == []
    assert "for press@example.org" in signature.check(kept / "tiny" / "2.0.0", signers)[1]
    assert "does not name" in verify.path(kept / "tiny" / "2.0.0", other)[0].message
    assert "is not signed" in verify.path(kept / "tiny" / "1.0.0", signers)[0].message


def test_a_signature_taken_away_is_found(output: Path) -> None:
    """A signed release without its signature is not what the list of versions names."""
    (output / "tiny" / "2.0.0" / manifest.SIGNATURE).unlink()

    assert [fault.file for fault in verify.path(output)] == [f"tiny/2.0.0/{manifest.SIGNATURE}"]


def test_a_withdrawn_release_is_a_tombstone(output: Path, kept: Path) -> None:
    """Of a withdrawn release stay its sums, signature and tombstone; the chain still holds."""
    home = output / "tiny"
    held = publish.withdraw(home, ["1.0.0"], "not ours to print")
    left = {path.name for path in (home / "1.0.0").iterdir()}

    assert left == {catalogue.TOMBSTONE, manifest.PAYLOAD, manifest.TAGS}
    assert not (home / "tiny-1.0.0.zip").exists()
    assert held.get("1.0.0").replaced_by == "2.0.0"
    assert verify.path(output) == []
    for name in left:
        content = (home / "1.0.0" / name).read_bytes()
        (home / "1.0.0" / name).write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])
        assert f"tiny/1.0.0/{name}" in {fault.file for fault in verify.path(output)}
        (home / "1.0.0" / name).write_bytes(content)
    (home / catalogue.FILE).unlink()
    publish.renew(home)
    assert catalogue.read(home).versions == held.versions


def test_a_folder_that_is_nothing_of_ours_is_wrong_use(tmp_path: Path) -> None:
    """Neither release nor package: the message says what was looked for."""
    with pytest.raises(StoreError, match="is no release, package or folder of packages"):
        verify.path(tmp_path)
