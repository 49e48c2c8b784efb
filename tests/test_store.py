"""Releases that are killed, starved and raced for: what lies there is whole, and the next run heals it."""

import contextlib
import fcntl
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faults
import pytest

from pipeline.errors import StoreError
from pipeline.release import Released, catalogue, publish, store, verify

ALL = "ONRECORD_FAULTS" in os.environ  # `make faults`: every point and many kills, some minutes
KILLS = int(os.environ.get("ONRECORD_KILLS", "1000")) if ALL else 10
RELEASES = 15 if ALL else 3  # of each publisher
CALLS = ("fsync", "write", "rename", "mkdir")
FAULTS = ("signal=SIGKILL", "error=EIO", "error=ENOSPC")


@pytest.fixture(scope="module")
def started(first: Released, second: Released, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package that holds the first of two releases."""
    home = tmp_path_factory.mktemp("started") / "tiny"
    home.mkdir()
    faults.add(first.folder, home)
    return home


@pytest.fixture(scope="module")
def both(started: Path, second: Released, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package that holds both releases."""
    home = tmp_path_factory.mktemp("both") / "tiny"
    shutil.copytree(started, home)
    faults.add(second.folder, home)
    return home


def whole(home: Path, versions: set[str]) -> None:
    """`latest.json` names one of these versions, and that release is whole."""
    latest = json.loads((home / catalogue.LATEST).read_bytes())

    assert latest["version"] in versions
    assert verify.fixity(home / latest["version"], latest["tagmanifest_sha256"]) == []


def healed(home: Path, do: str, built: Path) -> None:
    """The same step once more ends well, and then every byte of the package is as it should be."""
    faults.DO[do](built, home)

    assert verify.output(home.parent) == []
    assert not (home / ".staging").exists()
    assert json.loads((home / catalogue.LATEST).read_bytes())["version"] == "2.0.0"


def try_out(plan: list[dict[str, Any]], folder: Path, *strace: str) -> list[int]:
    """The exit codes of the trials of a plan, run in a fresh process, under strace when it is given options."""
    (folder / "plan").write_text(json.dumps(plan))
    command = [*(("strace", "-qq", *strace) if strace else ()), sys.executable, faults.__file__]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([*command, folder / "plan", folder / "result"], env=environment, check=True)
    return json.loads((folder / "result").read_bytes())


@pytest.fixture(scope="module")
def strace() -> None:
    """Skip where strace is not there, or may not trace."""
    if (
        not shutil.which("strace")
        or subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], check=False).returncode
    ):
        pytest.skip("strace is not there, or may not trace")


def calls_made(do: str, built: Path, home: Path, folder: Path) -> dict[str, int]:
    """How many system calls of each kind a step makes when nothing fails."""
    shutil.copytree(home, folder / "counted" / "tiny")
    plan = [{"do": do, "built": str(built), "home": str(folder / "counted" / "tiny")}]
    try_out(plan, folder, "-ff", "-o", str(folder / "log"), "-e", f"trace={','.join(CALLS)}")
    logs = [path.read_text(errors="replace") for path in folder.glob("log.*")]
    child = max(logs, key=lambda log: log.count("fsync("))
    return {call: len(re.findall(rf"^{call}\(", child, re.MULTILINE)) for call in CALLS}


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("do", ["add", "remove"])
def test_a_fault_at_any_system_call_leaves_the_package_whole(
    do: str, first: Released, second: Released, started: Path, both: Path, tmp_path: Path
) -> None:
    """Killed, or refused by the disk, at a fsync, write, rename or mkdir: `latest` is whole, and a re-run heals.

    Of each kind of call some points are tried, every one of them by `make faults`; to publish makes some 150 calls.
    """
    home, built = (started, second.folder) if do == "add" else (both, first.folder)
    made = calls_made(do, built, home, tmp_path)
    number = 0
    for fault in FAULTS:
        plan = []
        for call, calls in made.items():
            chosen = random.Random(f"{do} {call} {fault}").sample(range(1, calls + 1), 1)
            for point in range(1, calls + 1) if ALL else chosen:
                number += 1
                target = tmp_path / str(number) / "tiny"
                shutil.copytree(home, target)
                idle = {call: calls + 1 - point}
                plan.append({"do": do, "built": str(built), "home": str(target), "calls": idle})
        injected = [f"inject={call}:{fault}:when={calls + 1}" for call, calls in made.items()]
        options = [option for one in (f"trace={','.join(CALLS)}", *injected) for option in ("-e", one)]
        codes = try_out(plan, tmp_path, "-f", "-o", os.devnull, *options)

        assert set(codes) <= ({-9} if "KILL" in fault else {0, 2}), (fault, codes)  # 0: a mkdir of what is there
        for trial in plan:
            whole(Path(trial["home"]), {"1.0.0", "2.0.0"})
            healed(Path(trial["home"]), do, built)
            shutil.rmtree(Path(trial["home"]).parent)
    if ALL:
        print(f"\n{do}: {made}, {number} faults, 0 torn, all healed")


def test_a_kill_at_any_moment_leaves_the_package_whole(started: Path, second: Released, tmp_path: Path) -> None:
    """A publisher that is gone at a random moment leaves a whole latest release, and the next run heals."""
    begun = time.monotonic()
    probe = tmp_path / "probe" / "tiny"
    shutil.copytree(started, probe)
    faults.add(second.folder, probe)
    takes = time.monotonic() - begun
    moments = random.Random(6)
    plan = []
    for number in range(KILLS):
        target = tmp_path / str(number) / "tiny"
        shutil.copytree(started, target)
        plan.append(
            {
                "do": "add",
                "built": str(second.folder),
                "home": str(target),
                "kill_after": takes * moments.uniform(0.02, 1),
            }
        )
    codes = try_out(plan, tmp_path)

    assert set(codes) <= {0, -14}
    assert -14 in codes
    for trial in plan:
        whole(Path(trial["home"]), {"1.0.0", "2.0.0"})
        healed(Path(trial["home"]), "add", second.folder)
    if ALL:
        print(f"\n{codes.count(-14)} of {len(codes)} killed, 0 torn, all healed")


PLACING = """
import sys
from pathlib import Path
from pipeline.release import store
home = Path(sys.argv[1])
with store.staging(home) as built:
    (built / "data" / "csv").mkdir(parents=True)
    for name in ("a.txt", "data/b.txt", "data/csv/c.txt"):
        (built / name).write_text(name)
    store.place(built, home, "1.0.0")
    store.archive(home, "1.0.0")
    store.replace(home, home / "latest.json", "{}")
    store.delete(home / "latest.json")
"""


@pytest.mark.usefixtures("strace")
def test_nothing_is_renamed_before_it_is_durable(tmp_path: Path) -> None:
    """The system was told to put each file and folder on the disk before its rename, and the folder above after it;
    after a deletion too. All may be read by everybody, whatever the umask.
    """
    home = tmp_path.resolve() / "tiny"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    tracer = ["strace", "-f", "-y", "-qq", "-e", "trace=fsync,rename,unlink", "-o", tmp_path / "log"]
    subprocess.run([*tracer, sys.executable, "-c", PLACING, home], env=environment, umask=0o077, check=True)
    told = re.findall(
        r'(fsync|rename|unlink)\((?:\d+<(.*?)>|"(.*?)"(?:, "(.*?)")?)\) += 0$', (tmp_path / "log").read_text(), re.M
    )
    calls = [(call, *filter(None, paths)) for call, *paths in told if paths[0].startswith(str(home)) or paths[1]]
    built = home / ".staging" / "package"
    parts = ("", "a.txt", "data", "data/b.txt", "data/csv", "data/csv/c.txt")
    placed = calls.index(("rename", str(built), str(home / "1.0.0")))

    assert {("fsync", str(built / part)) for part in parts} == set(calls[:placed])
    for name in ("tiny-1.0.0.zip", "latest.json"):
        part = str(home / ".staging" / f"{name}.part")
        at = calls.index(("rename", part, str(home / name)))
        assert calls[at - 1 : at + 2 : 2] == [("fsync", part), ("fsync", str(home))]
    gone = calls.index(("unlink", str(home / "latest.json")))
    assert calls[placed + 1] == calls[gone + 1] == ("fsync", str(home))
    modes = {(path.is_dir(), path.stat().st_mode & 0o777) for path in (home / "1.0.0", *(home / "1.0.0").rglob("*"))}
    assert modes == {(True, 0o755), (False, 0o644)}
    assert (home / "tiny-1.0.0.zip").stat().st_mode & 0o777 == 0o644


def test_of_many_publishers_one_wins(started: Path, second: Released, tmp_path: Path) -> None:
    """Four at once: each publishes, finds the release there, or is told that another does; the package is whole."""
    home = tmp_path / "tiny"
    shutil.copytree(started, home)
    plan = tmp_path / "plan"
    plan.write_text(json.dumps([{"do": "add", "built": str(second.folder), "home": str(home)}]))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    running = [
        subprocess.Popen([sys.executable, faults.__file__, plan, tmp_path / f"result{number}"], env=environment)
        for number in range(4)
    ]
    for process in running:
        process.wait()
    codes = [json.loads((tmp_path / f"result{number}").read_bytes())[0] for number in range(4)]

    assert 0 in codes
    assert set(codes) <= {0, 2}
    assert verify.output(tmp_path) == []
    assert [entry.version for entry in catalogue.read(home).versions] == ["1.0.0", "2.0.0"]


PUBLISHER = """
import sys
from pathlib import Path
from releases import many, published
from pipeline.errors import StoreError
from pipeline.release import catalogue
from pipeline.release.changes import bumped

output, wanted, made = Path(sys.argv[1]), int(sys.argv[2]), 0
while made < wanted:
    last = catalogue.read(output / "tiny").last
    try:
        published(output, many(3), bumped(last.version, "patch") if last else "1.0.0")
        made += 1
    except StoreError:  # another one holds the lock, or took the version
        pass
"""


def test_the_releases_of_many_publishers_have_no_gap(tmp_path: Path) -> None:
    """Three publishers that go on until each has made its releases: all are there, in one chain, and all are whole."""
    there = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(there.parent), str(there)))}
    command = [sys.executable, "-c", PUBLISHER, tmp_path / "output", str(RELEASES)]
    (tmp_path / "output").mkdir()
    running = [subprocess.Popen(command, env=environment) for _ in range(3)]

    assert [process.wait() for process in running] == [0, 0, 0]
    held = catalogue.read(tmp_path / "output" / "tiny")
    assert [entry.version for entry in held.versions] == [f"1.0.{n}" for n in range(3 * RELEASES)]
    assert verify.output(tmp_path / "output") == []


def test_a_second_publisher_is_told_to_wait(tmp_path: Path) -> None:
    """While another process holds the package's lock, staging is refused and what that process builds left alone."""
    (tmp_path / ".staging").mkdir()
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="another process"), store.staging(tmp_path):
            pass

    assert (tmp_path / ".staging").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes; skip where none may be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk], capture_output=True, check=False
    ).returncode
    if mounted:
        pytest.skip("no file system may be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_and_a_read_only_disk_are_clear_errors(small_disk: Path, started: Path, second: Released) -> None:
    """A disk that fills up while a release is made, or takes no writing, leaves the package as it was, and says so."""
    home = small_disk / "tiny"
    shutil.copytree(started, home)
    with (small_disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(2**12))
    with pytest.raises(StoreError, match=r"No space left on device.*What was published before is whole"):
        faults.add(second.folder, home)
    whole(home, {"1.0.0"})
    assert verify.package(home) == []
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(StoreError, match="Read-only file system"):
        faults.add(second.folder, home)
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    (small_disk / "ballast").unlink()

    healed(home, "add", second.folder)


def test_an_output_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    """A package below a file is a StoreError that names the path."""
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match=re.escape(str(tmp_path / "file"))), store.staging(tmp_path / "file" / "tiny"):
        pass


def test_an_archive_is_of_a_folder_only_with_the_same_files_stored_as_they_are(tmp_path: Path) -> None:
    """A zip is byte for byte that of its files; one of other names, sizes or bytes, packed, or none at all is not."""
    home = tmp_path / "tiny"
    for name, content in (("a.txt", b"ab"), ("data/b.txt", b"c" * 2**21)):
        (home / "1.0.0" / name).parent.mkdir(parents=True, exist_ok=True)
        (home / "1.0.0" / name).write_bytes(content)
    with store.staging(home):
        made = store.archive(home, "1.0.0")
        before = made.stat()
        assert store.archive(home, "1.0.0").stat() == before  # what is there is not made again
    content = made.read_bytes()
    with zipfile.ZipFile(made) as held:
        assert [
            (one.filename, one.date_time, one.compress_type, one.create_system, one.external_attr >> 16)
            for one in held.infolist()
        ] == [(name, (1980, 1, 1, 0, 0, 0), zipfile.ZIP_STORED, 3, 0o100644) for name in ("a.txt", "data/b.txt")]
    shutil.copytree(home / "1.0.0", tmp_path / "again" / "1.0.0")
    os.utime(tmp_path / "again" / "1.0.0" / "a.txt", (0, 0))
    with store.staging(tmp_path / "again"):
        assert store.archive(tmp_path / "again", "1.0.0").read_bytes() == content

    assert made.name == "tiny-1.0.0.zip"
    assert store.is_archive_of(made, home / "1.0.0")
    for other in (b"ax", b"abc", None):
        shutil.copytree(home / "1.0.0", tmp_path / "other", dirs_exist_ok=True)
        if other is None:
            (tmp_path / "other" / "a.txt").unlink()
        else:
            (tmp_path / "other" / "a.txt").write_bytes(other)
        assert not store.is_archive_of(made, tmp_path / "other")
    with zipfile.ZipFile(tmp_path / "packed.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for name in ("a.txt", "data/b.txt"):
            packed.write(home / "1.0.0" / name, name)
    assert not store.is_archive_of(tmp_path / "packed.zip", home / "1.0.0")
    made.write_bytes(content.replace(b"ab", b"ba", 2)[: len(content)])
    assert not store.is_archive_of(made, home / "1.0.0")
    made.write_bytes(content[:-30])
    assert not store.is_archive_of(made, home / "1.0.0")
    assert not store.is_archive_of(tmp_path / "none.zip", home / "1.0.0")


def test_a_small_file_is_replaced_only_by_another_text(tmp_path: Path) -> None:
    """The same text leaves the file itself alone; another one takes its place as a new file, in UTF-8."""
    path = tmp_path / "latest.json"
    with store.staging(tmp_path):
        store.replace(tmp_path, path, "one")
        first = path.stat().st_ino
        store.replace(tmp_path, path, "one")
        assert path.stat().st_ino == first
        with path.open() as open_before:
            store.replace(tmp_path, path, "zwölf")
            assert open_before.read() == "one"  # who reads it meanwhile reads the old one whole

    assert path.read_bytes() == "zwölf".encode()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".lock", "latest.json"]


def test_what_is_built_is_swept_and_what_is_placed_stays(tmp_path: Path) -> None:
    """Staging is empty at first, whatever a killed run left, and gone at last, also when the work in it fails."""
    home = tmp_path / "new" / "tiny"
    (home / ".staging" / "package").mkdir(parents=True)
    (home / ".staging" / "package" / "torn").write_text("")
    with store.staging(home) as built:
        assert list(built.iterdir()) == []
        (built / "data").mkdir()
        (built / "data" / "a.txt").write_text("a")
        store.place(built, home, "1.0.0")
    with pytest.raises(KeyError), store.staging(home) as built:
        raise KeyError

    assert (home / "1.0.0" / "data" / "a.txt").read_text() == "a"
    assert not (home / ".staging").exists()


def test_versions_are_three_numbers_in_their_order(tmp_path: Path) -> None:
    """10 comes after 9; what is no folder, or has zeros in front, other parts or seven digits, is no version."""
    for name in ("10.0.0", "9.0.0", "9.0.10", "9.0.9", "01.0.0", "1.0", "1.0.0.0", "1000000.0.0", "v1.0.0", ".staging"):
        (tmp_path / name).mkdir()
    (tmp_path / "2.0.0").write_text("")

    assert store.versions(tmp_path) == ["9.0.0", "9.0.9", "9.0.10", "10.0.0"]
    assert store.parse_version("0.999999.20") == (0, 999999, 20)
    assert store.parse_version("1.0.0\n") is None


def test_what_is_deleted_is_gone(tmp_path: Path) -> None:
    """A file and a folder with all in it go; what is not there is no mistake."""
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    for name in ("folder", "file", "none"):
        store.delete(tmp_path / name)

    assert list(tmp_path.iterdir()) == []


def test_what_packages_share_is_locked_for_one_at_a_time(tmp_path: Path) -> None:
    """While one holds the lock of an output nobody else gets it; afterwards it is free."""
    with (tmp_path / ".lock").open("w") as other:
        with store.shared(tmp_path), pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_package_without_its_list_is_listed_anew(both: Path, tmp_path: Path) -> None:
    """versions.json deleted: the releases that lie there are listed anew, each after the one it names."""
    home = tmp_path / "tiny"
    shutil.copytree(both, home)
    before = (home / catalogue.FILE).read_bytes()
    (home / catalogue.FILE).unlink()
    publish.renew(home)

    assert before == (home / catalogue.FILE).read_bytes()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda home: (home / "2.0.0" / "README.md").unlink(), "2.0.0: is not listed .* no whole release .*README.md"),
        (lambda home: (home / "2.0.0").rename(home / "3.0.0"), "3.0.0.*does not follow 1.0.0: .* says tiny 2.0.0"),
        (lambda home: (home / "1.0.0").rename(home.parent / "elsewhere"), "2.0.0.*does not follow nothing"),
    ],
)
def test_a_folder_that_is_no_next_release_is_not_listed(both: Path, tmp_path: Path, spoil: Any, said: str) -> None:
    """A torn folder, one under another's version and one whose predecessor is gone are refused with what to do."""
    home = tmp_path / "tiny"
    shutil.copytree(both, home)
    (home / catalogue.FILE).unlink()
    spoil(home)

    with pytest.raises(StoreError, match=said):
        publish.renew(home)


def test_a_time_of_publication_is_only_what_was_given(
    started: Path, second: Released, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without SOURCE_DATE_EPOCH a release has no time; with a clock set back it has that of the release before."""
    home = tmp_path / "tiny"
    home.mkdir()
    for built, seconds in ((started / "1.0.0", "1900000000"), (second.folder, "1800000000")):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", seconds)
        faults.add(built, home)
    times = [entry.published for entry in catalogue.read(home).versions]

    assert times == ["2030-03-17T17:46:40Z", "2030-03-17T17:46:40Z"]
    assert catalogue.read(started).versions[0].published is None
    assert "<updated>2030-03-17T17:46:40Z</updated>" in (home / catalogue.FEED).read_text()


@pytest.mark.parametrize(
    ("given", "stated"),
    [
        ("0", "1970-01-01T00:00:00Z"),
        ("2147483648", "2038-01-19T03:14:08Z"),
        ("253339228799", "9997-12-31T23:59:59Z"),
        *((wrong, None) for wrong in ("253339228800", "9" * 5_000, "-5", "1e9", "\u0661", "tomorrow")),
    ],
)
def test_the_time_that_is_given_may_be_any_of_four_digits(
    given: str, stated: str | None, first: Released, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1970, 2038 and 9997 are stated as they are; what is no time, or leaves no year to hold for, is refused by name,
    and nothing is published.
    """
    home = tmp_path / "tiny"
    home.mkdir()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", given)
    if stated is None:
        with pytest.raises(StoreError, match=f"SOURCE_DATE_EPOCH={re.escape(given[:20])}: is no time"):
            faults.add(first.folder, home)
        assert catalogue.read(home).versions == ()
    else:
        faults.add(first.folder, home)
        assert catalogue.read(home).stated == catalogue.read(home).versions[0].published == stated
        assert verify.package(home) == []
