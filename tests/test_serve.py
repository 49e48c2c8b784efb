import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from releases import many, published

from pipeline.errors import StoreError
from pipeline.release import publish
from pipeline.release.serve import HOST, serve

SERVERS = {
    "nginx": "import shutil; from pipeline.release.serve import by_nginx as b; b(shutil.which('nginx'), *arguments)",
    "aiohttp": "from pipeline.release.serve import by_aiohttp as b; b(*arguments)",
}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def started(code: str, root: Path, said: Path) -> Iterator[int]:
    """A server in a process of its own; the port it answers on. At its end it has complained of nothing in `said`."""
    port = free_port()
    code = f"import sys, pathlib; arguments = (pathlib.Path(sys.argv[1]), int(sys.argv[2])); {code}"
    environment = os.environ | {"PATH": f"{os.environ['PATH']}{os.pathsep}/usr/sbin"}
    command = [sys.executable, "-c", code, str(root), str(port)]
    with said.open("wb") as complaints, subprocess.Popen(command, env=environment, stderr=complaints) as server:
        try:
            for _ in range(600):
                with socket.socket() as probe:
                    if probe.connect_ex((HOST, port)) == 0:
                        break
                assert server.poll() is None, said.read_text()
                time.sleep(0.05)
            yield port
        finally:
            server.terminate()
            server.wait(30)
    assert said.read_text() == ""


SLOW = f"""#!{sys.executable}
import signal, time
signal.pthread_sigmask(signal.SIG_SETMASK, ())
time.sleep(60)
"""
TOLD_AT_ONCE = """
import os, pathlib, signal, subprocess, sys
from pipeline.release import serve

class Begun(subprocess.Popen):
    def __init__(self, command):
        super().__init__(command)
        pathlib.Path(command[0] + ".pid").write_text(str(self.pid))
        os.kill(os.getpid(), signal.SIGTERM)

subprocess.Popen = Begun
serve.by_nginx(sys.argv[1], pathlib.Path("."), 1)
"""


def test_who_is_told_to_end_while_nginx_begins_leaves_none_behind(tmp_path: Path) -> None:
    """The signal comes when the process is there and its number not yet known to us."""
    nginx = tmp_path / "nginx"
    nginx.write_text(SLOW)
    nginx.chmod(0o755)

    ended = subprocess.run([sys.executable, "-c", TOLD_AT_ONCE, str(nginx)], timeout=30, check=False)

    assert ended.returncode == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(nginx.with_suffix(".pid").read_text()), 0)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with a withdrawn release 1.0.0 and an active 1.1.0, a hidden file and a link out of it."""
    output = tmp_path_factory.mktemp("served") / "out put"
    published(output, many(40), "1.0.0")
    published(output, many(60), "2.0.0")
    publish.withdraw(output / "tiny", ["1.0.0"], "a court's order")
    (output / "secret.txt").write_text("outside")
    (output / "secret.txt").rename(output.parent / "secret.txt")
    (output / "link.txt").symlink_to(output.parent / "secret.txt")
    return output


@pytest.fixture(scope="module", params=SERVERS)
def port(request: pytest.FixtureRequest, output: Path) -> Iterator[int]:
    """Each of the two servers in turn."""
    if request.param == "nginx" and not shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin"):
        pytest.skip("nginx is not installed")
    if request.param == "aiohttp":
        pytest.importorskip("aiohttp")
    yield from started(SERVERS[request.param], output, output.parent / f"{request.param}.said")


def get(port: int, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one answer, the path sent as it is."""
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()


def test_a_part_of_a_file_is_served(port: int, output: Path) -> None:
    """A range, its end alone too, is answered with those bytes and no others."""
    path = output / "tiny" / "2.0.0" / "data" / "claims.parquet"
    whole = path.read_bytes()
    address = "/tiny/2.0.0/data/claims.parquet"

    assert (200, whole) == get(port, address)[::2]
    assert (206, whole[4:100]) == get(port, address, Range="bytes=4-99")[::2]
    assert (206, whole[-8:]) == get(port, address, Range="bytes=-8")[::2]
    assert get(port, address, Range=f"bytes={len(whole)}-")[0] == 416


def test_files_are_served_as_what_they_are(port: int) -> None:
    """Types, no guessing by the browser, releases for ever and pointers never from a cache."""
    _, parquet, _ = get(port, "/tiny/2.0.0/data/claims.parquet")
    _, pointer, _ = get(port, "/tiny/latest.json")
    _, page, _ = get(port, "/")

    assert ["application/vnd.apache.parquet", "bytes"] == [parquet[key] for key in ("content-type", "accept-ranges")]
    assert "immutable" in parquet["cache-control"]
    assert pointer["cache-control"] == "no-cache"
    assert pointer["content-type"].startswith("application/json")
    assert page["content-type"] == "text/html; charset=utf-8"
    assert {"nosniff"} == {answer["x-content-type-options"] for answer in (parquet, pointer, page)}


@pytest.mark.parametrize(
    "path",
    ["/.lock", "/tiny/.lock", "/link.txt", "/../secret.txt", "/%2e%2e/secret.txt", "/tiny/..%2f..%2fsecret.txt", "/no"],
)
def test_nothing_else_is_served(path: str, port: int) -> None:
    """Hidden files, links and what lies outside are not found."""
    status, _, body = get(port, path)

    assert status in (400, 403, 404)
    assert b"outside" not in body


def test_a_withdrawn_release_is_gone(port: int) -> None:
    """410 for what was in it, while its tombstone is served; 404 for what never was."""
    assert get(port, "/tiny/1.0.0/data/claims.parquet")[0] == 410
    assert get(port, "/tiny/1.0.0/TOMBSTONE.json")[0] == 200
    assert get(port, "/tiny/2.0.0/data/other.parquet")[0] == 404


def test_a_reader_takes_columns_over_http(port: int, output: Path) -> None:
    """Two columns are read through ranges, as readers of remote Parquet do."""
    fsspec = pytest.importorskip("fsspec")
    pytest.importorskip("aiohttp")
    with fsspec.open(f"http://{HOST}:{port}/tiny/2.0.0/data/claims.parquet") as file:
        found = pq.read_table(file, columns=["claim_id", "text"])

    assert found.equals(pq.read_table(output / "tiny/2.0.0/data/claims.parquet", columns=["claim_id", "text"]))


def test_a_wrong_folder_and_a_taken_port_are_told(tmp_path: Path) -> None:
    """Both are errors before anything starts."""
    with pytest.raises(StoreError, match="nowhere: is no folder"):
        serve(tmp_path / "nowhere", 8000)
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        with pytest.raises(StoreError, match="Name another port"):
            serve(tmp_path, taken.getsockname()[1])
