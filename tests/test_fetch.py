import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tiny
from releases import many, published

from pipeline.errors import ReleaseRefused, StoreError
from pipeline.release import catalogue, fetch, manifest, publish, verify


def edited(step: int) -> tiny.Rows:
    """The rows of the three releases: corrected, then with rows gone, added and moved."""
    rows = many()
    if step > 0:
        rows["claims"][0]["confidence_span"] = 0.1234
    if step > 1:
        del rows["claims"][7]
        rows["claims"].append(dict(rows["claims"][9], claim_id="c" + "0" * 16))
        rows["documents"][2]["published_start"] = None
    return rows


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with the releases 1.0.0, 1.0.1 and 1.1.0, which nothing may change."""
    output = tmp_path_factory.mktemp("output")
    for step, version in enumerate(("1.0.0", "1.0.1", "1.1.0")):
        published(output, edited(step), version)
    return output / "tiny"


@pytest.fixture
def copy(home: Path, tmp_path: Path) -> Path:
    """The package, to be spoilt."""
    shutil.copytree(home, tmp_path / "output" / "tiny")
    return tmp_path / "output" / "tiny"


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a release with its bytes, without what `pull` notes beside it."""
    return {
        name: (folder / name).read_bytes()
        for name in manifest.files(folder)
        if name not in (manifest.ORIGIN, manifest.SEEN)
    }


class Server(http.server.ThreadingHTTPServer):
    """A web server that can break off and that counts: requests with their range, and the bytes it sent."""

    def __init__(self, root: Path) -> None:
        self.root, self.asked, self.sent = root, list[tuple[str, str | None]](), 0
        self.at_once, self.left = 10**9, 10**9
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers GET, from the byte on that is asked for."""

    server: Server

    def do_GET(self) -> None:
        """Send a file, or as much of it as the server is told to."""
        path = self.server.root / self.path.lstrip("/")
        begun = self.headers.get("Range")
        self.server.asked.append((self.path, begun))
        if not path.is_file():
            self.send_error(404)
            return
        start = int(begun.removeprefix("bytes=").removesuffix("-")) if begun else 0
        content = path.read_bytes()
        self.send_response(206 if begun else 200)
        if begun:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        part = content[start:][: min(self.server.at_once, self.server.left)]
        self.close_connection = True
        self.server.sent += len(part)
        self.server.left -= len(part)
        self.wfile.write(part)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def web(home: Path) -> Iterator[Server]:
    """The package on the web, as `http://127.0.0.1:<port>/tiny`."""
    with Server(home.parent) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def address(server: Server) -> str:
    """Where the package is."""
    return f"http://127.0.0.1:{server.server_address[1]}/tiny"


def test_a_release_is_pulled_over_http(web: Server, home: Path, tmp_path: Path) -> None:
    """What comes is the release byte for byte, it verifies, and a second pull fetches nothing but the list."""
    found = fetch.pull(address(web), tmp_path / "mine")
    again = fetch.pull(address(web), tmp_path / "mine")

    assert ("1.1.0", True, False) == (found.version, found.new, again.new)
    assert tree(home / "1.1.0") == tree(tmp_path / "mine")
    assert [] == verify.release(tmp_path / "mine")
    assert found.downloaded == web.sent - again.downloaded
    assert again.downloaded == (home / "versions.json").stat().st_size


@pytest.mark.parametrize("mark", ["{}@1.0.1", "{}/1.0.1", "{}/@1.0.1", "file://{}@1.0.1"])
def test_a_version_is_named(mark: str, home: Path, tmp_path: Path) -> None:
    """A version behind the path of a package is the one that comes, with or without a web server."""
    found = fetch.pull(mark.format(home), tmp_path / "mine")

    assert found.version == "1.0.1"
    assert tree(home / "1.0.1") == tree(tmp_path / "mine")


@pytest.mark.slow
def test_what_was_pulled_loads_and_after_an_update_anew(home: Path, tmp_path: Path) -> None:
    """`load_dataset` on the folder gives its rows and version, and those of the new release after an update."""
    code = (
        "import sys, datasets; found = datasets.load_dataset(sys.argv[1], 'claims', split='train'); "
        "print(found.num_rows, found.info.version, found['confidence_span'].count(0.1234))"
    )
    told = []
    environment = os.environ | {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    fetch.pull(f"{home}@1.0.0", tmp_path / "mine")
    for to in (None, "1.0.1"):
        if to:
            fetch.update(tmp_path / "mine", to)
        command = [sys.executable, "-c", code.replace(".count", "[:].count"), str(tmp_path / "mine")]
        told.append(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)

    assert ["300 1.0.0 0\n", "300 1.0.1 1\n"] == told


def test_a_pull_goes_on_where_it_stopped(web: Server, home: Path, tmp_path: Path) -> None:
    """A server that breaks off every 20,000 bytes, and then for good, is asked for the rest; nothing is sent twice."""
    web.at_once, web.left = 20_000, 70_000
    with pytest.raises(StoreError, match="broke off after"):
        fetch.pull(address(web), tmp_path / "mine")
    assert not (tmp_path / "mine" / "README.md").exists()
    web.left = 10**9
    fetch.pull(address(web), tmp_path / "mine")

    assert tree(home / "1.1.0") == tree(tmp_path / "mine")
    assert web.sent == 2 * (home / "versions.json").stat().st_size + sum(map(len, tree(home / "1.1.0").values()))


def test_a_killed_pull_is_taken_up(home: Path, tmp_path: Path) -> None:
    """A part on the disk that belongs to other bytes is thrown away, one that is right is kept, and all comes whole."""
    incoming = tmp_path / "mine" / ".incoming" / "fetched" / "1.1.0"
    (incoming / "data").mkdir(parents=True)
    whole = (home / "1.1.0" / "data" / "claims.parquet").read_bytes()
    (incoming / "data" / "claims.parquet.part").write_bytes(whole[:-1_000])
    (incoming / "data" / "dates.parquet.part").write_bytes(b"something else")
    (incoming / "data" / "texts.parquet").write_bytes(b"torn")

    found = fetch.pull(str(home), tmp_path / "mine")

    assert tree(home / "1.1.0") == tree(tmp_path / "mine")
    assert found.downloaded < sum(map(len, tree(home / "1.1.0").values())) + 20_000 - len(whole) + 1_000


@pytest.mark.parametrize("over_http", [False, True])
def test_an_update_comes_by_deltas(over_http: bool, web: Server, home: Path, tmp_path: Path) -> None:
    """Over two releases the tables are made from the old ones: the same bytes, with none of them fetched."""
    fetch.pull(f"{address(web) if over_http else home}@1.0.0", tmp_path / "mine")
    web.asked.clear()
    found = fetch.update(tmp_path / "mine")

    assert ("1.1.0", True, ()) == (found.version, found.new, found.warnings)
    assert tree(home / "1.1.0") == tree(tmp_path / "mine")
    assert found.rebuilt >= 4
    assert not [path for path, _ in web.asked if path.startswith("/tiny/1.1.0/data/")]
    assert [] == verify.release(tmp_path / "mine")
    assert not fetch.update(tmp_path / "mine").new


def test_an_update_without_a_delta_is_fetched_whole(copy: Path, tmp_path: Path) -> None:
    """Where no chain leads, the tables are fetched, and it is said; what is equal in both is kept."""
    fetch.pull(f"{copy}@1.0.0", tmp_path / "mine")
    publish.withdraw(copy, ["1.0.1"], "a mistake")
    found = fetch.update(tmp_path / "mine")

    assert "no delta leads from 1.0.0 to 1.1.0" in found.warnings[0]
    assert found.rebuilt == 0
    assert tree(copy / "1.1.0") == tree(tmp_path / "mine")


def test_an_update_mends_what_is_damaged_and_leaves_what_is_not_its_own(home: Path, tmp_path: Path) -> None:
    """A changed file is fetched anew, one that only the old release had is removed, the user's own stays."""
    mine = tmp_path / "mine"
    fetch.pull(f"{home}@1.0.1", mine)
    (mine / "data" / "claims.parquet").write_bytes(b"changed")
    (mine / "notes.txt").write_text("my own")
    found = fetch.update(mine)

    assert "data/claims.parquet: is not as it was published" in found.warnings[0]
    assert not (mine / "changes" / "from-1.0.0").exists()
    assert (mine / "notes.txt").read_text() == "my own"
    (mine / "notes.txt").unlink()
    assert tree(home / "1.1.0") == tree(mine)


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.8])
def test_an_update_killed_while_files_move_is_healed(kept: float, home: Path, tmp_path: Path) -> None:
    """With some files of the new release in place and the rest not, the next update makes it whole."""
    mine = tmp_path / "mine"
    fetch.pull(f"{home}@1.0.0", mine)
    new = tree(home / "1.1.0")
    for name in sorted(new)[: int(len(new) * kept)]:
        (mine / name).parent.mkdir(parents=True, exist_ok=True)
        (mine / name).write_bytes(new[name])
    note = json.loads((mine / manifest.ORIGIN).read_text())
    digest = catalogue.read(home).get("1.1.0").tagmanifest_sha256
    (mine / manifest.ORIGIN).write_text(json.dumps(note | {"version": "1.1.0", "tagmanifest_sha256": digest}))
    fetch.update(mine)

    assert new == tree(mine)


def test_yanked_and_withdrawn_releases(copy: Path, tmp_path: Path) -> None:
    """A yanked release is passed over, and comes with a warning when named; a withdrawn one is refused."""
    publish.yank(copy, "1.1.0", "labels mixed up")
    publish.withdraw(copy, ["1.0.0"], "a court's order")

    assert fetch.pull(str(copy), tmp_path / "latest").version == "1.0.1"
    pinned = fetch.pull(f"{copy}@1.1.0", tmp_path / "pinned")
    assert "1.1.0 was yanked: labels mixed up. Take 1.0.1." in pinned.warnings[0]
    with pytest.raises(ReleaseRefused, match=r"1\.0\.0 was withdrawn: a court's order\. Take 1\.0\.1\."):
        fetch.pull(f"{copy}@1.0.0", tmp_path / "gone")


def test_a_changed_byte_is_refused(copy: Path, tmp_path: Path) -> None:
    """Any file that is not as published is named and not used: the folder does not become a dataset."""
    path = copy / "1.1.0" / "data" / "claims.parquet"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)

    with pytest.raises(ReleaseRefused, match=r"1\.1\.0/data/claims\.parquet: hashes to .* It was not used"):
        fetch.pull(str(copy), tmp_path / "mine")
    assert [".incoming"] == [entry.name for entry in (tmp_path / "mine").iterdir()]


def hostile(copy: Path, listed: str, where: str = manifest.TAGS) -> None:
    """Let the list of 1.1.0 name a path, with all digests above it made right again."""
    release = copy / "1.1.0"
    lines = [*(release / where).read_text().splitlines(), f"{'0' * 64}  {listed}"]
    (release / where).write_text("".join(f"{line}\n" for line in sorted(lines, key=lambda line: line[66:])))
    if where == manifest.PAYLOAD:
        tags = manifest.read(release / manifest.TAGS) | {where: manifest.digest(release / where)}
        (release / manifest.TAGS).write_text(manifest.text(tags))
    relist(copy, lambda entry: entry | {"tagmanifest_sha256": manifest.digest(release / manifest.TAGS)})


def relist(copy: Path, edit: Callable[[dict], dict]) -> None:
    """Change the last entry of versions.json and seal it again, as whoever publishes could."""
    told = json.loads((copy / "versions.json").read_text())
    told["versions"][-1] = edit(told["versions"][-1])
    del told["sha256"]
    (copy / "versions.json").write_text(catalogue._sealed(told))


@pytest.mark.parametrize(
    "path",
    [
        "../outside.txt",
        "data/../../outside.txt",
        "/outside.txt",
        "http://127.0.0.1/x",
        "a\\b",
        "~/x",
        ".bashrc",
        "a//b",
    ],
)
@pytest.mark.parametrize("where", [manifest.TAGS, manifest.PAYLOAD])
def test_a_list_that_leads_outside_is_refused(path: str, where: str, copy: Path, tmp_path: Path) -> None:
    """No path of a list can lead out of the folder, and nothing is written there."""
    hostile(copy, path, where)
    before = {entry.name for entry in tmp_path.iterdir()}

    with pytest.raises(StoreError, match="is no SHA-256 sum with a path"):
        fetch.pull(str(copy), tmp_path / "mine")
    assert {entry.name for entry in tmp_path.iterdir()} == before | {"mine"}


def test_lists_keep_to_their_part(copy: Path, tmp_path: Path) -> None:
    """A data file under the list of tags, or the other way round, is refused."""
    hostile(copy, "data/more.parquet")
    with pytest.raises(ReleaseRefused, match="is not the list of a release"):
        fetch.pull(str(copy), tmp_path / "mine")


@pytest.mark.parametrize("version", ["../1.1.0", "1.1", "1.1.0/../../x"])
def test_a_version_that_leads_outside_is_refused(version: str, copy: Path, tmp_path: Path) -> None:
    """A version becomes a path, so what is none is refused."""
    relist(copy, lambda entry: entry | {"version": version})
    with pytest.raises(ReleaseRefused, match=r"edited: .* is damaged"):
        fetch.pull(str(copy), tmp_path / "mine")


def test_a_chain_that_goes_round_is_refused(copy: Path, tmp_path: Path) -> None:
    """A release that follows itself would be followed for ever."""
    relist(copy, lambda entry: entry | {"previous": "1.1.0"})
    with pytest.raises(ReleaseRefused, match=r"edited: .* is damaged"):
        fetch.pull(str(copy), tmp_path / "mine")


def test_a_damaged_list_is_refused(copy: Path, tmp_path: Path) -> None:
    """The list of versions carries its own digest, so a flipped bit in it is found before anything is fetched."""
    text = (copy / "versions.json").read_text()
    (copy / "versions.json").write_text(text.replace('"active"', '"aktive"', 1))
    with pytest.raises(ReleaseRefused, match=r"tiny/versions\.json: is damaged"):
        fetch.pull(str(copy), tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_links_are_refused(copy: Path, tmp_path: Path) -> None:
    """A link in the published folder is not read, one in the user's own is not written through."""
    (tmp_path / "outside").mkdir()
    released = copy / "1.1.0" / "data" / "claims.parquet"
    shutil.move(released, tmp_path / "outside" / "claims.parquet")
    released.symlink_to(tmp_path / "outside" / "claims.parquet")
    with pytest.raises(ReleaseRefused, match="is a link"):
        fetch.pull(str(copy), tmp_path / "mine")
    released.unlink()
    shutil.move(tmp_path / "outside" / "claims.parquet", released)
    fetch.pull(f"{copy}@1.0.0", tmp_path / "older")
    shutil.rmtree(tmp_path / "older" / "data")
    (tmp_path / "older" / "data").symlink_to(tmp_path / "outside")
    with pytest.raises(StoreError, match="is a link"):
        fetch.update(tmp_path / "older")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / ".incoming").symlink_to(tmp_path / "outside")
    with pytest.raises(StoreError, match="is a link"):
        fetch.pull(str(copy), tmp_path / "new")

    assert [] == list((tmp_path / "outside").iterdir())


def test_a_file_larger_than_the_release_is_refused(copy: Path, tmp_path: Path) -> None:
    """No file may have more bytes than the list says that the whole release has."""
    relist(copy, lambda entry: entry | {"bytes": 10_000})
    with pytest.raises(StoreError, match=r"has more than the [0-9,]+ bytes that it may have"):
        fetch.pull(str(copy), tmp_path / "mine")


def test_a_rewritten_history_is_refused(copy: Path, tmp_path: Path) -> None:
    """An update from a list that has another release under the version that lies here changes nothing."""
    fetch.pull(str(copy), tmp_path / "mine")
    before = tree(tmp_path / "mine")
    relist(copy, lambda entry: entry | {"tagmanifest_sha256": "0" * 64})

    with pytest.raises(ReleaseRefused, match="its history was rewritten"):
        fetch.update(tmp_path / "mine")
    assert before == tree(tmp_path / "mine")


def test_wrong_use_is_told(home: Path, web: Server, tmp_path: Path) -> None:
    """A folder that holds something else, a version or address that is not there, a step back, a foreign scheme."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(StoreError, match="holds something else"):
        fetch.pull(str(home), tmp_path / "full")
    with pytest.raises(StoreError, match=r"has no version 9\.9\.9\. There are: 1\.0\.0, 1\.0\.1, 1\.1\.0"):
        fetch.pull(f"{home}@9.9.9", tmp_path / "mine")
    with pytest.raises(StoreError, match=r"no-such/versions\.json"):
        fetch.pull(str(home.parent / "no-such"), tmp_path / "mine")
    with pytest.raises(StoreError, match="the server answers 404"):
        fetch.pull(address(web) + "x", tmp_path / "mine")
    with pytest.raises(StoreError, match="http:// or https://"):
        fetch.pull("ftp://127.0.0.1/tiny", tmp_path / "mine")
    with pytest.raises(StoreError, match=r"was not made by `onrecord pull`"):
        fetch.update(home / "1.0.0")
    fetch.pull(f"{home}@1.0.1", tmp_path / "mine")
    with pytest.raises(StoreError, match=r"holds 1\.0\.1, not 1\.1\.0\. `onrecord update`"):
        fetch.pull(str(home), tmp_path / "mine")
    with pytest.raises(StoreError, match=r"pull the older 1\.0\.0 into another folder"):
        fetch.update(tmp_path / "mine", "1.0.0")


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A connection that nobody answers ends in an error that says so."""
    with pytest.raises(StoreError, match="cannot be reached"):
        fetch.pull("http://127.0.0.1:9/tiny", tmp_path / "mine")
