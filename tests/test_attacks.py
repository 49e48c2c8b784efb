"""What a stranger between publisher and reader may try, over real HTTP, and foreign releases: refused, by name."""

import datetime
import json
import os
import resource
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from releases import many, published
from served import serving

from pipeline.__main__ import main
from pipeline.errors import ReleaseRefused, StoreError
from pipeline.release import catalogue, fetch, limited, manifest, publish, store, verify

DAY = 86_400


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The publisher's ssh key, with an allowed-signers file beside it."""
    if not shutil.which("ssh-keygen"):
        pytest.skip("ssh-keygen is not there")
    path = tmp_path_factory.mktemp("key") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True)
    path.with_suffix(".signers").write_text(f"press@example.org {path.with_suffix('.pub').read_text()}")
    return path


def at(time: float, step: Callable[[], object]) -> None:
    """Take a step of publishing at a time."""
    os.environ["SOURCE_DATE_EPOCH"] = str(int(time))
    try:
        step()
    finally:
        del os.environ["SOURCE_DATE_EPOCH"]


@pytest.fixture(scope="module")
def states(key: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of packages after the second release and after the third; lists are signed, releases are not."""
    output, old = tmp_path_factory.mktemp("honest"), tmp_path_factory.mktemp("old")
    now = time.time()
    rows = many(40)
    for days, version in ((20, "1.0.0"), (10, "1.0.1"), (0, "1.1.0")):
        if version == "1.1.0":
            shutil.copytree(output, old, dirs_exist_ok=True)
            held = catalogue.read(output / "tiny")
            (output / "tiny" / catalogue.FILE).write_text(replace(held, signature=None).to_json())
        rows["claims"][0]["confidence_span"] = days / 100
        at(now - days * DAY, lambda version=version: published(output, rows, version))
        if version != "1.0.0":
            at(now - days * DAY, lambda: publish.renew(output / "tiny", key))
    return {"old": old, "new": output}


@pytest.fixture
def web(states: dict[str, Path], tmp_path: Path) -> Path:
    """What the server serves: the newest state, to be spoilt."""
    shutil.copytree(states["new"], tmp_path / "web")
    return tmp_path / "web"


@pytest.fixture
def address(web: Path) -> Iterator[str]:
    """Where it serves the package."""
    with serving(web) as found:
        yield f"{found}/tiny"


def resealed(home: Path, **values: object) -> None:
    """Change the list of versions and make its own digest right again, as whoever holds the server could."""
    held = replace(catalogue.read(home), **values)
    (home / catalogue.FILE).write_text(held.to_json())


def rollback(web: Path, states: dict[str, Path]) -> None:
    """Serve what was served before the last release."""
    shutil.rmtree(web / "tiny")
    shutil.copytree(states["old"] / "tiny", web / "tiny")


def edit(web: Path, states: dict[str, Path]) -> None:
    """Say that the last release was yanked, and lead everybody to an older one."""
    held = catalogue.stood_down(catalogue.read(web / "tiny"), ["1.1.0"], "yanked", "take the other")
    resealed(web / "tiny", versions=held.versions)


def mix(web: Path, states: dict[str, Path]) -> None:
    """Put a table and a descriptor of an older release into the last one."""
    for name in ("data/claims.parquet", "datapackage.json"):
        shutil.copy(web / "tiny" / "1.0.1" / name, web / "tiny" / "1.1.0" / name)


def tamper(web: Path, states: dict[str, Path]) -> None:
    """Change a byte of a file that an update has to fetch."""
    for path in [*(web / "tiny" / "1.1.0").glob("*.json"), web / "tiny" / "1.1.0" / "data" / "claims.parquet"]:
        content = bytearray(path.read_bytes())
        content[100] ^= 1
        path.write_bytes(content)


def forward(web: Path, states: dict[str, Path]) -> None:
    """Date the list so far ahead that every honest one to come would look older."""
    held = replace(catalogue.read(web / "tiny"), signature=None)
    resealed(web / "tiny", **asdict(held) | {"stated": "9998-01-01T00:00:00Z", "expires": "9999-01-01T00:00:00Z"} | {
        "versions": held.versions, "failed": held.failed})  # fmt: skip


ATTACKS = {"rollback": rollback, "edited": edit, "mixed": mix, "tampered": tamper, "fast-forward": forward}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_on_the_catalogue_is_refused_by_its_name(
    name: str, states: dict[str, Path], web: Path, address: str, tmp_path: Path, key: Path
) -> None:
    """`update` and `pull` name the attack and use nothing; `verify --since` finds it in the served folder."""
    mine = tmp_path / "mine"
    fetch.pull(f"{address}@1.0.1", mine)
    before = {file: (mine / file).read_bytes() for file in manifest.files(mine)}
    ATTACKS[name](web, states)
    with pytest.raises(ReleaseRefused, match=f"^{name}: "):
        fetch.update(mine)
    if name != "rollback":  # whoever comes for the first time has nothing to know an older state by but its expiry
        signers = key.with_suffix(".signers") if name in ("edited", "fast-forward") else None
        with pytest.raises(ReleaseRefused, match=f"^({name}|edited): "):
            fetch.pull(address, tmp_path / "new", signers)

    assert before == {file: content for file, content in before.items() if (mine / file).read_bytes() == content}
    assert verify.path(web / "tiny", None, mine / manifest.SEEN)
    shutil.rmtree(web / "tiny")
    shutil.copytree(states["new"] / "tiny", web / "tiny")
    assert fetch.update(mine).version == "1.1.0"
    assert verify.path(web / "tiny", key.with_suffix(".signers"), mine / manifest.SEEN)[0].file.endswith(".sig")


def test_a_frozen_list_is_refused_and_a_named_version_is_not(web: Path, address: str, tmp_path: Path) -> None:
    """A list past its expiry leads nobody to the latest; the version that is named comes all the same."""
    mine = tmp_path / "mine"
    fetch.pull(f"{address}@1.0.1", mine)
    (mine / manifest.SEEN).unlink()
    held = replace(catalogue.read(web / "tiny"), stated=None, expires=None, signature=None)
    long_ago = time.time() - 367 * DAY
    (web / "tiny" / catalogue.FILE).write_text(held.to_json())
    at(long_ago, lambda: publish.renew(web / "tiny"))

    for refused in (lambda: fetch.pull(address, tmp_path / "new"), lambda: fetch.update(mine)):
        with pytest.raises(ReleaseRefused, match=r"^freeze: .* expired on "):
            refused()
    assert fetch.pull(f"{address}@1.1.0", tmp_path / "named").version == "1.1.0"
    found = verify.path(web / "tiny", None, tmp_path / "named" / manifest.SEEN)
    assert [fault.message[:8] for fault in found] == ["freeze: "]
    at(time.time(), lambda: publish.renew(web / "tiny"))
    assert fetch.update(mine).version == "1.1.0"


def test_a_version_that_leaps_is_refused(web: Path, address: str, tmp_path: Path) -> None:
    """Numbers that leave no room for a next version are refused by who publishes and by who reads."""
    held = replace(catalogue.read(web / "tiny"), signature=None)
    last = held.versions[-1]
    far = replace(last, version="999999.0.0", previous="1.1.0", previous_tagmanifest_sha256=last.tagmanifest_sha256)
    resealed(web / "tiny", versions=(*held.versions, far), signature=None)

    with pytest.raises(ReleaseRefused, match=r"^fast-forward: .* 999999\.0\.0 leaps over more than 10,000 versions"):
        fetch.pull(address, tmp_path / "mine")
    (tmp_path / "built").mkdir()
    resealed(web / "tiny", versions=held.versions)
    with store.staging(web / "tiny") as folder, pytest.raises(ReleaseRefused, match="leaps over"):
        publish.publish(folder, web / "tiny", "20000.0.0")


def test_a_list_that_was_signed_stays_signed_by_the_same_key(
    web: Path, address: str, tmp_path: Path, key: Path
) -> None:
    """A list without its signature, or with a stranger's, is not taken for the one that was seen; nor made unsigned."""
    fetch.pull(f"{address}@1.0.1", tmp_path / "mine", None)
    with pytest.raises(StoreError, match="is signed, so a new one must be"):
        publish.yank(web / "tiny", "1.0.0", "wrong")
    stranger = tmp_path / "stranger"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger], check=True)
    for by in (None, stranger):
        resealed(web / "tiny", signature=None)
        if by:
            at(time.time(), lambda by=by: publish.renew(web / "tiny", by))
        with pytest.raises(ReleaseRefused, match=r"^edited: .* the list seen last was signed with SHA256:"):
            fetch.update(tmp_path / "mine")
        with pytest.raises(ReleaseRefused, match=r"^edited: "):
            fetch.pull(address, tmp_path / "new", key.with_suffix(".signers"))


def bomb(path: Path) -> None:
    """A Parquet file of a kilobyte or two that unfolds to 20 GB: one long text, twenty thousand times."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array(["x" * 2**20]))
    pq.write_table(pa.table({"text": text}), path, compression="zstd", store_schema=False, write_statistics=False)


def forged(folder: Path) -> None:
    """Make the lists of sums of a release right again."""
    manifest.write_payload(folder)
    manifest.write_tags(folder, "tiny", folder.name)


@pytest.fixture
def foreign(states: dict[str, Path], tmp_path: Path) -> Path:
    """A release by itself, as a stranger hands it over."""
    shutil.copytree(states["new"] / "tiny" / "1.1.0", tmp_path / "foreign")
    return tmp_path / "foreign"


def test_a_parquet_bomb_takes_neither_memory_nor_time(foreign: Path, tmp_path: Path) -> None:
    """A table that unfolds to 20 GB is named by `verify`, and refused by `rehydrate`, in bounded memory."""
    bomb(foreign / "data" / "texts.parquet")
    forged(foreign)
    began = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    found = verify.path(foreign)

    assert (foreign / "data" / "texts.parquet").stat().st_size < 3_000
    assert [fault.file for fault in found] == ["data/texts.parquet"]
    assert "unfolds to more than" in found[0].message
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= max(began, limited.MEMORY / 2**10)
    assert main(["rehydrate", str(foreign), "--raw", str(tmp_path), "--to", str(tmp_path / "texts.parquet")]) == 1


@pytest.mark.parametrize("cut", [4, 100, -200, -8])
def test_a_broken_parquet_file_is_named(foreign: Path, cut: int) -> None:
    """A table that is no Parquet at all, under right sums, is a fault and no crash."""
    path = foreign / "data" / "claims.parquet"
    path.write_bytes(path.read_bytes()[:cut])
    forged(foreign)

    assert [fault.file for fault in verify.path(foreign)] == ["data/claims.parquet"]


@pytest.mark.parametrize(
    "leads", ["http://127.0.0.1:9/x.parquet", "/etc/passwd", "../x.parquet", "data/../../x", "~/x"]
)
def test_a_descriptor_that_leads_elsewhere_is_named(foreign: Path, leads: str) -> None:
    """An address, an absolute path or one upwards, in any descriptor that other readers follow, is a fault."""
    for name in ("datapackage.json", "README.md", "croissant.json"):
        spoilt = foreign.with_name(name)
        shutil.copytree(foreign, spoilt)
        if name == "croissant.json":
            (spoilt / name).write_text(json.dumps({"distribution": [{"contentUrl": leads}]}))
        else:
            text = (spoilt / name).read_text()
            (spoilt / name).write_text(text.replace("data/claims.parquet", leads))
        forged(spoilt)

        assert [fault.file for fault in verify.path(spoilt)] == [name]
        assert main(["diff", str(foreign), str(spoilt)]) == 1


def test_what_is_in_a_foreign_release_is_not_trusted(foreign: Path) -> None:
    """Links, pipes, deep JSON, a table that is not listed, a huge list: each a fault, none followed or waited for."""
    deep = "[" * 100_000 + "]" * 100_000
    for spoil, file in (
        (lambda f: (f / "data" / "more.parquet").symlink_to("/etc/passwd"), "data/more.parquet"),
        (lambda f: (f / "etc").symlink_to("/etc"), "etc"),
        (lambda f: os.mkfifo(f / "pipe"), "pipe"),
        (lambda f: ((f / "provenance.json").write_text(deep), forged(f)), manifest.TAGS),
        (lambda f: ((f / "datapackage.json").write_text(deep), forged(f)), "datapackage.json"),
        (lambda f: ((f / "tables.json").write_text('{"tables": {"../../x": {}}}'), forged(f)), "tables.json"),
        (lambda f: os.truncate(f / manifest.TAGS, manifest.LIST_BYTES + 1), manifest.TAGS),
    ):
        spoilt = foreign.with_name("spoilt")
        shutil.copytree(foreign, spoilt)
        spoil(spoilt)

        assert file in {fault.file for fault in verify.path(spoilt)}
        shutil.rmtree(spoilt)


def test_a_hostile_zip_is_not_unpacked(web: Path, tmp_path: Path) -> None:
    """An archive with a path upwards, or with a bomb, under the digest that the list names, is a fault."""
    home = web / "tiny"
    held = replace(catalogue.read(home), signature=None)
    path = home / "tiny-1.1.0.zip"
    for name, content in (("../outside.txt", b"x"), ("README.md", bytes(2**26))):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)
        packed = catalogue.Archive(path.name, path.stat().st_size, manifest.digest(path))
        entry = replace(held.versions[-1], archive=packed)
        (home / catalogue.FILE).write_text(replace(held, versions=(*held.versions[:-1], entry)).to_json())

        assert [fault.file for fault in verify.path(home)] == [path.name]
    assert not (web / "outside.txt").exists()


def test_an_expiry_is_a_year_after_the_time_that_was_given(states: dict[str, Path]) -> None:
    """A list states when it was made and until when it holds, and latest.json says so."""
    held = catalogue.read(states["new"] / "tiny")
    stated, expires = (datetime.datetime.fromisoformat(one) for one in (held.stated, held.expires))

    assert expires - stated == catalogue.LASTS
    assert json.loads((states["new"] / "tiny" / catalogue.LATEST).read_text())["expires"] == held.expires
