"""What a release costs, measured on a made-up corpus: CPU, memory, bytes over the wire. Part of `onrecord bench`.

Every figure is a ratio or stands beside its target (issue: releases that people can build on).
"""

import hashlib
import http.client
import http.server
import itertools
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.bench import checks
from pipeline.bench.steps import main, measured
from pipeline.errors import PipelineError
from pipeline.evaluate.counts import Scores

CLAIMS = 1_000_000
WEEK = ("2029-06-04", "2029-06-11")  # of the two years that the made-up corpus covers


def bench(claims: int = CLAIMS) -> Scores:
    """The measures, for a corpus of so many claims. Takes some minutes and 3 GB for a million."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        found: Scores = {"claims": claims}
        for step in ("write", "release_tables", "later", "diff", "apply"):
            found[step] = measured("pipeline.bench.releases", step, home, claims)
        found["release_tables_cpu_to_bare_write"] = round(
            found["release_tables"]["cpu_seconds"] / found["write"]["cpu_seconds"], 2
        )
        found["diff_cpu_seconds_per_million_rows"] = round(found["diff"]["cpu_seconds"] / claims * 1e6, 2)
        sizes = {name: _bytes(home / name) for name in ("old/data", "new/data", "new/changes")}
        found["delta_share_of_full"] = round(sizes["new/changes"] / sizes["new/data"], 4)
        found["one_percent_more_reships"] = _reshipped(home / "old/data", home / "grown/data")
        found["week_over_http"] = _week(home / "old/data")
    return found | {"checks": checks.bench(claims)}


def _steps() -> dict[str, tuple[Callable[[Path, int], Any], Callable[[Path, Any], None]]]:
    """For each step what prepares it, which is not measured, and what is."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from pipeline import schema
    from pipeline.corpus import Corpus, Files
    from pipeline.release import changes, datapackage, made_up, tables
    from pipeline.release.changes import delta

    def corpus(home: Path, claims: int) -> Any:
        return made_up.corpus(claims)

    def shards(home: Path, claims: int) -> Any:
        """The corpus on disk, as a run leaves it."""
        (home / "shards").mkdir()
        for name, table in made_up.corpus(claims).items():
            pq.write_table(table, home / "shards" / f"{name}.parquet", compression="zstd", row_group_size=10_000)
        return Corpus({name: Files((home / "shards" / f"{name}.parquet",)) for name in schema.TABLES}, home / "spill")

    def canonical(home: Path, claims: int) -> Any:
        return tables.published(tables.canonical(made_up.corpus(claims)))

    def write(home: Path, rows: Any) -> None:
        (home / "bare").mkdir()
        for name, table in rows.items():
            tables.write_parquet(name, table, home / "bare" / f"{name}.parquet")

    def release_tables(home: Path, rows: Any) -> None:
        described = tables.write(rows, home / "old" / "data")[0]
        (home / "old" / tables.FILE).write_text(described, encoding="utf-8")

    def later(home: Path, rows: Any) -> None:
        """Later releases: one corrected, cut and added to all over; one with one percent more days at the end."""
        random = np.random.default_rng(1)
        claims = rows["claims"].filter(pa.array(random.random(len(rows["claims"])) > 0.0005))
        column = claims.column_names.index("confidence_type")
        other = pc.if_else(pa.array(random.random(len(claims)) < 0.001), 0.5, claims["confidence_type"])
        claims = claims.set_column(column, claims.schema.field(column), other)
        extra = claims.slice(0, max(1, len(claims) // 1000))
        keys = pa.array([f"c{number:016x}" for number in range(len(extra))])
        extra = extra.set_column(0, claims.schema.field(0), keys)
        _write(home / "new", {**rows, "claims": pa.concat_tables([claims, extra])})
        more = made_up.corpus(max(20, len(rows["claims"]) // 100), seed=2)
        days = pa.array([pc.max(rows["documents"]["published_start"]).as_py()] * len(more["documents"]))
        place = more["documents"].column_names.index("published_start")
        more["documents"] = more["documents"].set_column(place, more["documents"].schema.field(place), days)
        _write(home / "grown", {name: pa.concat_tables([rows[name], more[name]]) for name in rows})

    def _write(folder: Path, rows: Any) -> None:
        tables.write(rows, folder / "data")

    def described(home: Path, claims: int) -> None:
        for name in ("old", "new"):
            text = datapackage.descriptor(home / name, "made-up", "1.0.0")
            (home / name / datapackage.FILE).write_text(text, encoding="utf-8")
        changes.write(changes.compare(None, home / "old"), home / "old", "1.0.0")  # what is imported late

    def diff(home: Path, _: Any) -> None:
        changes.write(changes.compare(home / "old", home / "new"), home / "new", "1.1.0")

    def apply(home: Path, _: Any) -> None:
        delta.apply(home / "old" / "data", [home / "new" / "changes" / "from-1.0.0"], home / "made")
        for path in (home / "made").glob("*.parquet"):
            if path.read_bytes() != (home / "new" / "data" / path.name).read_bytes():
                raise PipelineError(f"{path.name}: old and delta do not make new")

    def idle(home: Path, claims: int) -> None:
        pq.ParquetFile(home / "old" / "data" / "claims.parquet").close()

    return {
        "write": (canonical, write),
        "release_tables": (shards, release_tables),
        "later": (corpus, later),
        "diff": (described, diff),
        "apply": (idle, apply),
    }


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.parquet"))


def _reshipped(old: Path, new: Path) -> float:
    """Share of the new claims.parquet that a store of content-defined chunks which has the old one must be sent."""
    known = {chunk for chunk, _ in _chunks((old / "claims.parquet").read_bytes())}
    told = _chunks((new / "claims.parquet").read_bytes())
    return round(sum(size for chunk, size in told if chunk not in known) / sum(size for _, size in told), 4)


def _chunks(content: bytes) -> list[tuple[bytes, int]]:
    """Digest and size of the chunks of a file, 64 KiB on average, cut where a hash of the last 32 bytes says so.

    That is how such stores work, the Hub's among them, whose cuts lie elsewhere but as often.
    """
    import numpy as np

    gear = np.random.default_rng(0).integers(0, 2**63, 256, dtype=np.uint64)
    data = np.frombuffer(content, np.uint8)
    cuts = [0]
    block = 2**21
    for start in range(0, len(data), block):
        here = gear[data[max(0, start - 31) : start + block]]
        rolled = np.zeros(len(here), np.uint64)
        for age in range(min(32, len(here))):
            rolled[age:] += here[: len(here) - age] << np.uint64(age)
        found = np.flatnonzero((rolled >> np.uint64(16)) & np.uint64(0xFFFF) == 0) + max(0, start - 31) + 1
        cuts += found[found > start].tolist()
    cuts = sorted({*cuts, len(content)})
    return [(hashlib.sha256(content[one:other]).digest(), other - one) for one, other in itertools.pairwise(cuts)]


def _week(data: Path) -> dict[str, float] | None:
    """Share of claims.parquet that DuckDB reads over HTTP for one week of claims; None without its httpfs extension.

    Counted are the bytes that the server sends.
    """
    try:
        import duckdb
        import duckdb_extension_httpfs as httpfs
    except ImportError:
        return None
    extension = next(Path(httpfs.__file__).parent.rglob("httpfs.duckdb_extension"), None)
    with _Counting(data) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_address[1]}"
        connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
        try:
            connection.execute(f"LOAD '{extension}'")
        except duckdb.Error:
            return None  # of another version of DuckDB
        query = f"select * from '{base}/claims.parquet' where date_start >= '{WEEK[0]}' and date_start < '{WEEK[1]}'"
        rows = len(connection.execute(query).fetchall())
        server.shutdown()
    size = (data / "claims.parquet").stat().st_size
    return {"rows": rows, "bytes": server.sent, "share_of_file": round(server.sent / size, 4)}


class _Counting(http.server.ThreadingHTTPServer):
    """Serves the files of a folder by ranges and counts the bytes that it sends."""

    def __init__(self, root: Path) -> None:
        self.root, self.sent = root, 0
        super().__init__(("127.0.0.1", 0), _Ranges)


class _Ranges(http.server.BaseHTTPRequestHandler):
    server: _Counting
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.server.root / self.path.lstrip("/")
        size = path.stat().st_size
        first, last = 0, size - 1
        if given := self.headers.get("Range"):
            start, _, end = given.removeprefix("bytes=").partition("-")
            first, last = (int(start), min(int(end or last), last)) if start else (size - int(end), last)
        self.send_response(http.client.PARTIAL_CONTENT if given else http.client.OK)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first + 1))
        if given:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.end_headers()
        if self.command == "GET":
            with path.open("rb") as file:
                file.seek(first)
                self.wfile.write(file.read(last - first + 1))
            self.server.sent += last - first + 1

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    main(_steps(), *sys.argv[1:])
