"""Files that hold many documents, web archives and Parquet, and files that lie elsewhere."""

import functools
import gzip
import http.server
import io
import json
import threading
import tracemalloc
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from pipeline.bench import corpus
from pipeline.clean import clean
from pipeline.errors import StoreError
from pipeline.read import RAW, read
from pipeline.read.limits import MAX_DOCUMENT

PAGES = [f"<p>Page {number} of the harbour.</p>".encode() for number in range(5)]


def _record(body: bytes, number: int = 0, *, packed: bool = False, kind: str = "response", **headers: str) -> bytes:
    """One record, as warcio writes it."""
    told = {"Content-Type": "text/html; charset=utf-8"} | {
        key.replace("_", "-"): value for key, value in headers.items()
    }
    status = told.pop("status", "200 OK")
    written = io.BytesIO()
    writer = WARCWriter(written, gzip=packed)
    record = writer.create_warc_record(
        f"https://www.quay.example/2031/{number}",
        kind,
        payload=io.BytesIO(body),
        http_headers=StatusAndHeaders(status, list(told.items()), protocol="HTTP/1.1") if kind == "response" else None,
        warc_content_type=told["Content-Type"] if kind != "response" else "",
        warc_headers_dict={"WARC-Date": "2031-05-04T03:02:01Z"},
    )
    writer.write_record(record)
    return written.getvalue()


def _archive(path: Path, records: list[bytes]) -> list[dict[str, Any]]:
    path.write_bytes(b"".join(records))
    rows = list(read(path.parent))
    assert len({row["source"] for row in rows}) == len(rows)
    return rows


def _outcomes(rows: list[dict[str, Any]]) -> list[bytes | str | None]:
    return [row["rejected"] or row["content"] for row in rows]


@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz"])
def test_pages_of_a_web_archive_are_documents_with_their_address_and_day(tmp_path: Path, name: str) -> None:
    """A page is found at its record's offset, with what record and server tell; records of the crawl are none."""
    packed = name.endswith("gz")
    (tmp_path / "source.toml").write_text('licence = "CC0-1.0"\n')
    records = [
        _record(b"software: none", kind="warcinfo", packed=packed, Content_Type="application/warc-fields"),
        *(_record(page, number, packed=packed) for number, page in enumerate(PAGES)),
        _record(b"GET / HTTP/1.1\r\n\r\n", kind="request", packed=packed, Content_Type="application/http"),
        _record(b"Gone.", status="404 Not Found", packed=packed),
        _record(b"\x89PNG", packed=packed, Content_Type="image/png"),
        _record(b"Tide.", kind="conversion", packed=packed, Content_Type="text/plain"),
    ]
    rows = _archive(tmp_path / name, records)
    offsets = [sum(map(len, records[:at])) for at in (1, 2, 3, 4, 5, 7, 8, 9)]

    assert [row["source"] for row in rows] == [f"{name}#{offset}" for offset in offsets]
    assert _outcomes(rows) == [*PAGES, "not_served", "unsupported_format", b"Tide."]
    assert [row["format"] for row in rows] == ["html"] * 5 + ["other"] * 2 + ["text"]
    assert rows[3]["url"] == "https://www.quay.example/2031/3"
    assert {(row["outlet"], row["site"], row["collected"], row["licence"]) for row in rows[:5]} == {
        ("quay.example", "https://www.quay.example/", "2031-05-04", "CC0-1.0")
    }


def _lie(record: bytes, by: int) -> bytes:
    """The record with another length than it has, and without the digest that would tell."""
    lines = record.split(b"\r\n")
    at = next(n for n, line in enumerate(lines) if line.startswith(b"Content-Length"))
    lines[at] = b"Content-Length: %d" % (int(lines[at].split()[1]) + by)
    return b"\r\n".join(line for line in lines if b"-Digest" not in line)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "fault", ["long", "very long", "short", "endless", "digest", "no length", "garbage", "cut", "large", "no http"]
)
def test_a_broken_record_is_a_row_and_the_others_go_on(tmp_path: Path, fault: str, packed: bool) -> None:
    """A wrong length or digest, garbage or half a record is refused alone: what is before and behind it is read."""
    good = _record(PAGES[2], 2)
    broken = {
        "long": _lie(good, 3),
        "very long": _lie(good, 900),
        "short": _lie(good, -3),
        "endless": _lie(good, 10**9),
        "digest": good.replace(b"harbour", b"airport"),
        "no length": good.replace(b"Content-Length", b"Content-Width"),
        "garbage": b"\0\xff\n" * 100,
        "cut": good[:-60],
        "large": _record(b"x" * (MAX_DOCUMENT + 100_000), 2),
        "no http": good.replace(b"HTTP/1.1 200 OK", b"nothing at all."),
    }[fault]
    if fault == "no http":
        broken = _lie(broken, 0)
    records = [_record(PAGES[0], 0), _record(PAGES[1], 1), broken, _record(PAGES[3], 3), _record(PAGES[4], 4)]
    if packed:
        records = [gzip.compress(record, mtime=0) for record in records]
    rows = _archive(tmp_path / f"a.warc{'.gz' * packed}", records)

    reason = "too_large" if fault in ("endless", "large") else "bad_warc"
    assert _outcomes(rows) == [*PAGES[:2], reason, *PAGES[3:]]


@pytest.mark.parametrize("damage", ["flipped", "magic", "cut"])
def test_a_broken_pack_is_a_row_and_the_others_go_on(tmp_path: Path, damage: str) -> None:
    """In an archive of packs, bytes that went bad cost the record that they stand in, and are not passed over."""
    records = [_record(page, number, packed=True) for number, page in enumerate(PAGES)]
    bad = bytearray(records[2])
    if damage == "flipped":
        bad[len(bad) // 2] ^= 0x55
    elif damage == "magic":
        bad[0] ^= 1
    else:
        del bad[-20:]
    records[2] = bytes(bad)

    assert _outcomes(_archive(tmp_path / "a.warc.gz", records)) == [*PAGES[:2], "bad_warc", *PAGES[3:]]


def test_an_archive_that_was_cut_off_ends_with_a_rejected_row(tmp_path: Path) -> None:
    """The last record is not taken for a short one."""
    for packed, name in ((False, "a/x.warc"), (True, "b/x.warc.gz")):
        records = [_record(page, number, packed=packed) for number, page in enumerate(PAGES)]
        records[-1] = records[-1][:-30]
        (tmp_path / name).parent.mkdir()

        assert _outcomes(_archive(tmp_path / name, records)) == [*PAGES[:4], "bad_warc"]


def test_an_archive_packed_as_a_whole_is_read(tmp_path: Path) -> None:
    """One pack over all records is no reason to lose one, and a broken record inside costs itself alone."""
    records = [_record(page, number) for number, page in enumerate(PAGES)]
    records[2] = _lie(records[2], 5)
    rows = _archive(tmp_path / "a.warc.gz", [gzip.compress(b"".join(records), mtime=0)])

    assert _outcomes(rows) == [*PAGES[:2], "bad_warc", *PAGES[3:]]
    assert [row["source"] for row in rows][:2] == ["a.warc.gz#0", f"a.warc.gz#0.{len(records[0])}"]


def test_bombs_in_archives_are_refused(tmp_path: Path) -> None:
    """A record, or a body inside one, that unpacks to hundreds of times its size is a row, and memory stays small."""
    zeros = gzip.compress(bytes(60_000_000), mtime=0)
    records = [_record(zeros, 0, Content_Encoding="gzip"), _record(bytes(19_000_000), 1), _record(PAGES[1], 2)]
    tracemalloc.start()
    rows = _archive(tmp_path / "a.warc.gz", [gzip.compress(record, mtime=0) for record in records])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert _outcomes(rows) == ["bomb", "bomb", PAGES[1]]
    assert peak < 200_000_000


def test_chunked_and_packed_bodies_are_undone(tmp_path: Path) -> None:
    """A body comes as a browser would show it, by the encoding that the server tells where it is no UTF-8."""
    chunked = b"5\r\n<p>Ti\r\n6\r\nde</p>\r\n0\r\n\r\n"
    records = [
        _record(chunked, 0, Transfer_Encoding="chunked"),
        _record(gzip.compress(PAGES[0], mtime=0), 1, Content_Encoding="gzip"),
        _record(PAGES[1], 2, Content_Encoding="gzip"),  # the archive took the packing away, not the header
        _record("<p>Кран</p>".encode("koi8-r"), 3, Content_Type="text/html; charset=KOI8-R"),
        _record("<p>Кран</p>".encode(), 4, Content_Type="text/html; charset=KOI8-R"),
        _record(b"\x0b\x02", 5, Content_Encoding="br"),
    ]
    rows = _archive(tmp_path / "a.warc", records)

    assert _outcomes(rows)[:3] == [b"<p>Tide</p>", PAGES[0], PAGES[1]]
    assert [row["encoding"] for row in rows[3:5]] == ["koi8-r", None]
    assert rows[5]["rejected"] == "unsupported_format"


@given(st.binary(max_size=300), st.integers(0, 5000), st.booleans())
def test_no_bytes_make_an_archive_fail(noise: bytes, place: int, packed: bool) -> None:
    """Whatever is written over an archive, reading it ends with rows that each have content or a reason."""
    import tempfile

    records = b"".join(_record(page, number, packed=packed) for number, page in enumerate(PAGES))
    at = place % len(records)
    with tempfile.TemporaryDirectory() as folder:
        rows = _archive(Path(folder) / f"a.warc{'.gz' * packed}", [records[:at], noise, records[at + len(noise) :]])

    assert rows
    assert all((row["content"] is None) == (row["rejected"] is not None) for row in rows)
    assert {row["content"] for row in rows if row["content"]} <= {*PAGES, *(row["content"] for row in rows)}


# --- Parquet ---------------------------------------------------------------------------------------------------------


def _parquet(path: Path, columns: Mapping[str, Any], **options: Any) -> list[dict[str, Any]]:
    pq.write_table(pa.table(columns), path, **options)
    return list(read(path.parent))


def test_a_row_of_parquet_is_read_as_the_line_that_it_would_be(tmp_path: Path) -> None:
    """Columns are a record's keys: days and numbers as JSON has them, nulls and other columns left out."""
    import datetime

    rows = _parquet(
        tmp_path / "a.parquet",
        {
            "text": ["The quay “shut”.", None, "Open."],
            "published": [datetime.date(2031, 5, 4), None, datetime.date(2031, 5, 5)],
            "id": [7, 8, 9],
            "score": [0.5, 0.25, 0.125],
        },
        row_group_size=2,
    )
    documents, _ = clean(pa.Table.from_pylist(rows, RAW))

    assert [row["source"] for row in rows] == ["a.parquet#1", "a.parquet#2", "a.parquet#3"]
    assert json.loads(rows[0]["content"]) == {"text": "The quay “shut”.", "published": "2031-05-04", "id": 7}
    assert documents["rejected"].to_pylist() == [None, "missing_text", None]
    assert documents["published"].to_pylist() == ["2031-05-04", None, "2031-05-05"]
    assert set(documents["format"].to_pylist()) == {"jsonl"}


def test_parquet_gives_the_documents_that_json_lines_give(tmp_path: Path) -> None:
    """A corpus as Parquet comes out as it does as JSON Lines, but for its names."""
    corpus.write(tmp_path / "lines", 60)
    lines = [row for row in read(tmp_path / "lines") if row["format"] == "jsonl" and not row["rejected"]]
    records = []
    for row in lines:
        try:
            record = json.loads(row["content"])
        except ValueError:
            continue
        records.append({key: record.get(key) for key in ("text", "title", "published", "author", "id")})
    (tmp_path / "rows").mkdir()
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "rows" / "a.parquet")
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "a.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    texts = [
        clean(pa.Table.from_pylist(list(read(tmp_path / name)), RAW))[1]["text"].to_pylist()
        for name in ("rows", "again")
    ]

    assert len(texts[0]) > 50
    assert texts[0] == texts[1]


def test_parquet_that_is_none_or_was_damaged_is_a_row(tmp_path: Path) -> None:
    """No Parquet, a file cut off, no text, a row group gone bad: each ends as a row, and the other groups go on."""
    texts = [f"Document {number} of the quay. " * 20 for number in range(400)]
    pq.write_table(
        pa.table({"text": texts}),
        tmp_path / "bad.parquet",
        row_group_size=100,
        write_page_checksum=True,
        use_dictionary=False,
    )
    content = bytearray((tmp_path / "bad.parquet").read_bytes())
    column = pq.ParquetFile(tmp_path / "bad.parquet").metadata.row_group(1).column(0)
    content[column.data_page_offset + column.total_compressed_size - 20] ^= 0xFF
    (tmp_path / "bad.parquet").write_bytes(content)
    (tmp_path / "cut.parquet").write_bytes(content[:-100])
    (tmp_path / "none.parquet").write_bytes(b"no Parquet at all")
    pq.write_table(pa.table({"body": ["x"]}), tmp_path / "other.parquet")
    rows = {row["source"]: row["rejected"] for row in read(tmp_path)}

    assert {source: reason for source, reason in rows.items() if reason} == {
        "bad.parquet#101": "bad_parquet",
        "cut.parquet": "bad_parquet",
        "none.parquet": "bad_parquet",
        "other.parquet#1": "missing_text",
    }
    assert len(rows) == 300 + 4


def test_a_text_that_parquet_repeats_is_not_held_so_often(tmp_path: Path) -> None:
    """Few bytes that stand for hundreds of megabytes of equal texts take the memory of some of them."""
    text = pa.array(["x" * 1_000_000])
    many = pa.DictionaryArray.from_arrays(pa.array([0] * 300, pa.int32()), text)
    pq.write_table(pa.table({"text": many}), tmp_path / "a.parquet", compression="zstd")
    assert (tmp_path / "a.parquet").stat().st_size < 20_000
    before = pa.total_allocated_bytes()
    rows = peak = 0
    for row in read(tmp_path):
        rows += row["rejected"] is None
        peak = max(peak, pa.total_allocated_bytes() - before)

    assert rows == 300
    assert peak < 40_000_000


# --- elsewhere -------------------------------------------------------------------------------------------------------


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    """A file system in memory, empty before and after."""
    files = fsspec.filesystem("memory")
    yield files
    files.store.clear()
    files.pseudo_dirs[:] = [""]


def test_an_address_is_read_as_a_folder_is(tmp_path: Path, memory: fsspec.AbstractFileSystem) -> None:
    """The same files give the same rows, wherever they lie: facts, packs, archives and Parquet."""
    corpus.write(tmp_path / "raw", 100)
    raw = tmp_path / "raw"
    (raw / "a.warc.gz").write_bytes(b"".join(_record(page, n, packed=True) for n, page in enumerate(PAGES)))
    pq.write_table(pa.table({"text": ["One.", "Two."]}), raw / "b.parquet")
    (raw / ".hidden").mkdir()
    (raw / ".hidden" / "c.txt").write_text("c")
    for path in raw.rglob("*"):
        if path.is_file():
            memory.pipe_file(f"/bucket/news/{path.relative_to(raw).as_posix()}", path.read_bytes())

    assert list(read("memory://bucket/news")) == list(read(raw))
    assert list(read(Path("memory://bucket/news/"))) == list(read(raw))
    memory.pipe_file("/bucket/news/aliases.toml", b"")
    with pytest.raises(StoreError, match=r"aliases\.toml"):
        read("memory://bucket/news")


def test_one_file_elsewhere_is_read(tmp_path: Path, memory: fsspec.AbstractFileSystem) -> None:
    """An address may name a file; facts that lie beside it are not looked for."""
    memory.pipe_file("/bucket/news/a.jsonl", b'{"text": "One."}\n')
    memory.pipe_file("/bucket/news/b.jsonl", b'{"text": "Two."}\n')

    assert [row["source"] for row in read("memory://bucket/news/a.jsonl")] == ["a.jsonl#1"]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address at which it is served."""
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield tmp_path, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_files_are_read_over_http(served: tuple[Path, str]) -> None:
    """A web server that lists its folders serves as one; what is missing, or nobody serving, is one clear error."""
    folder, address = served
    (folder / "raw").mkdir()
    (folder / "raw" / "a.txt").write_text("One.")
    (folder / "raw" / "b.jsonl.gz").write_bytes(gzip.compress(b'{"text": "Two."}\n'))
    (folder / "secret.txt").write_text("Not below the folder.")

    assert [row["source"] for row in read(f"{address}/raw/")] == ["a.txt", "b.jsonl.gz#1"]
    assert [row["content"] for row in read(f"{address}/raw/b.jsonl.gz")] == [b'{"text": "Two."}']
    for wrong in (f"{address}/missing/", f"{address}/raw/missing.jsonl", "http://127.0.0.1:9/raw/", "nonsense://x/y"):
        with pytest.raises(StoreError, match=r"cannot be read|there is nothing"):
            list(read(wrong))
