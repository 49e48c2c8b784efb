import contextlib
import gzip
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.errors import SchemaError, StoreError
from pipeline.read import RAW, codec_name, read
from pipeline.read.limits import MAX_DOCUMENT


def _write(folder: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def _rows(folder: Path) -> dict[str, dict[str, Any]]:
    rows = list(read(folder))
    assert len({row["source"] for row in rows}) == len(rows)
    assert pa.Table.from_pylist(rows, RAW).num_rows == len(rows)
    return {row["source"]: row for row in rows}


def _outcomes(folder: Path) -> dict[str, str | bytes | None]:
    """For each input its reason for rejection, else its content."""
    return {source: row["rejected"] or row["content"] for source, row in _rows(folder).items()}


def test_each_file_of_a_known_kind_is_a_row_with_its_bytes(tmp_path: Path) -> None:
    """Text, page and record come as they are, packed ones unpacked, whatever the case of the ending."""
    _write(
        tmp_path,
        {
            "b/two.txt": "Two.",
            "a.HTML": "<p>One</p>",
            "c.htm": "<p>C</p>",
            "d.txt.gz": gzip.compress(b"Four.", mtime=0),
            "e.jsonl.gz": gzip.compress(b'{"text": "Five."}\n', mtime=0),
        },
    )

    rows = list(read(tmp_path))
    assert [(row["source"], row["format"], row["content"]) for row in rows] == [
        ("a.HTML", "html", b"<p>One</p>"),
        ("b/two.txt", "text", b"Two."),
        ("c.htm", "html", b"<p>C</p>"),
        ("d.txt.gz", "text", b"Four."),
        ("e.jsonl.gz#1", "jsonl", b'{"text": "Five."}'),
    ]


def test_a_line_of_json_lines_is_a_row_with_its_number(tmp_path: Path) -> None:
    """Lines are numbered as an editor numbers them, come without their ends, and empty ones are no records."""
    _write(tmp_path, {"x.jsonl": b'{"text":"a"}\r\n\n  \n{"text":"b"}\nno json\n{"text":"c"}'})

    assert _outcomes(tmp_path) == {
        "x.jsonl#1": b'{"text":"a"}',
        "x.jsonl#4": b'{"text":"b"}',
        "x.jsonl#5": b"no json",
        "x.jsonl#6": b'{"text":"c"}',
    }


def test_an_empty_file_is_a_row(tmp_path: Path) -> None:
    """A file without a record or a byte is not lost."""
    _write(tmp_path, {"x.jsonl": b"\n\n", "y.txt": b""})

    assert _outcomes(tmp_path) == {"x.jsonl": b"", "y.txt": b""}


def test_hidden_files_and_source_toml_are_no_inputs(tmp_path: Path) -> None:
    """What begins with a dot and the description of a source give no row; any other unknown file does."""
    _write(tmp_path, {".DS_Store": b"x", ".git/a.txt": b"x", "source.toml": "", "notes.pdf": b"x", "README": b"x"})

    assert _outcomes(tmp_path) == {"README": "unsupported_format", "notes.pdf": "unsupported_format"}


def test_what_is_no_file_is_a_row_and_never_opened(tmp_path: Path) -> None:
    """Pipes, sockets and links to nothing, to themselves, to folders or out of the raw folder end as rows at once."""
    raw = _write(tmp_path / "raw", {"real.txt": "Here."})
    _write(tmp_path, {"outside.txt": "Secret."})
    os.mkfifo(raw / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(raw / "socket.txt"))
    (raw / "in.txt").symlink_to("real.txt")
    (raw / "out.txt").symlink_to("../outside.txt")
    (raw / "device.txt").symlink_to("/dev/zero")
    (raw / "nothing.txt").symlink_to("gone.txt")
    (raw / "loop.txt").symlink_to("loop.txt")
    (raw / "folder").symlink_to(".")

    assert _outcomes(raw) == {
        "device.txt": "symlink_outside",
        "folder": "not_a_file",
        "in.txt": b"Here.",
        "loop.txt": "not_a_file",
        "nothing.txt": "not_a_file",
        "out.txt": "symlink_outside",
        "pipe.txt": "not_a_file",
        "real.txt": b"Here.",
        "socket.txt": "not_a_file",
    }


@contextlib.contextmanager
def _without_privileges() -> Iterator[Path]:
    """A folder whose files the process may be refused, which those of root never are."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        root = os.geteuid() == 0
        if root:
            os.chown(name, 65534, 65534)
            os.seteuid(65534)
        try:
            yield Path(name)
        finally:
            if root:
                os.seteuid(0)


def test_an_unreadable_file_or_folder_is_a_row() -> None:
    """What the system refuses to open is rejected with the system's words, and the others are read."""
    with _without_privileges() as folder:
        _write(folder, {"a.txt": "A.", "locked.txt": "B.", "shut/c.txt": "C."})
        (folder / "locked.txt").chmod(0)
        (folder / "shut").chmod(0)
        rows = _rows(folder)
        (folder / "shut").chmod(0o755)

    assert {source: row["rejected"] for source, row in rows.items()} == {
        "a.txt": None,
        "locked.txt": "unreadable",
        "shut": "unreadable",
    }
    assert rows["locked.txt"]["rejected_detail"] == "Permission denied"


def test_names_of_any_bytes_give_a_source(tmp_path: Path) -> None:
    """A newline, a byte that is no UTF-8 or a very long name is no reason to lose a file."""
    long = "n" * 250 + ".txt"
    for name in (b"line\nbreak.txt", b"caf\xe9.txt", long.encode()):
        (Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))).write_bytes(b"x")

    assert _outcomes(tmp_path) == {"line\nbreak.txt": b"x", "caf\\xe9.txt": b"x", long: b"x"}


def test_too_much_is_refused(tmp_path: Path) -> None:
    """Fifty megabytes of one line are refused as a text and as a record, and the records around it are read."""
    line = b"x" * 50_000_000
    _write(tmp_path, {"a.txt": line, "b.jsonl": b'{"text":"before"}\n' + line + b'\n{"text":"after"}\n'})

    assert _outcomes(tmp_path) == {
        "a.txt": "too_large",
        "b.jsonl#1": b'{"text":"before"}',
        "b.jsonl#2": "line_too_long",
        "b.jsonl#3": b'{"text":"after"}',
    }


def test_a_document_of_the_greatest_size_is_read(tmp_path: Path) -> None:
    """The limit itself is allowed, one byte more is not."""
    _write(tmp_path, {"a.txt": b"x" * MAX_DOCUMENT, "b.txt": b"x" * (MAX_DOCUMENT + 1)})

    outcomes = _outcomes(tmp_path)
    assert (len(outcomes["a.txt"] or ""), outcomes["b.txt"]) == (MAX_DOCUMENT, "too_large")


def test_broken_and_swollen_gzip_files_are_refused(tmp_path: Path) -> None:
    """No gzip, a gzip cut short, one with a wrong sum and a bomb are rows, and nobody waits for the bomb."""
    good = gzip.compress(os.urandom(1000).hex().encode(), mtime=0)
    lines = b"".join(b'{"text":"%d %s"}\n' % (i, os.urandom(5000).hex().encode()) for i in range(200))
    _write(
        tmp_path,
        {
            "bomb.txt.gz": gzip.compress(bytes(100_000_000), mtime=0),
            "cut.txt.gz": good[:-12],
            "none.txt.gz": b"plain",
            "sum.txt.gz": good[:-8] + bytes(4) + good[-4:],
            "two.txt.gz": good + good,
            "cut.jsonl.gz": gzip.compress(lines, mtime=0)[:-2000],
        },
    )
    outcomes = _outcomes(tmp_path)
    records = [source for source in outcomes if source.startswith("cut.jsonl.gz")]

    assert {source: outcomes[source] for source in outcomes if source not in records} == {
        "bomb.txt.gz": "bomb",
        "cut.txt.gz": "bad_gzip",
        "none.txt.gz": "bad_gzip",
        "sum.txt.gz": "bad_gzip",
        "two.txt.gz": 2 * gzip.decompress(good),
    }
    assert [outcomes[source] for source in records].count("bad_gzip") == 1
    assert len(records) > 100
    assert all(row["rejected_detail"] for row in _rows(tmp_path).values() if row["rejected"])


def test_facts_are_inherited_and_the_nearest_wins(tmp_path: Path) -> None:
    """A file takes each key from its own table, else the nearest folder that tells it; dates may be TOML dates."""
    _write(
        tmp_path,
        {
            "source.toml": 'outlet = "All"\nlicence = "CC0-1.0"\nurl = "https://all.example/"\nlanguage = "en"',
            "deep/source.toml": 'outlet = "Deep"\npublish_text = false\nredact = true\n[files."b.txt"]\ntitle = "B"\n'
            'redact = false\npublished = 2031-05-04\nurl = "b/4"\nauthor = "Ada Quill"\nencoding = "windows-1252"',
            "a.txt": "A",
            "deep/b.txt": "B",
            "deep/down/c.txt": "C",
        },
    )
    rows = _rows(tmp_path)
    names = ("outlet", "licence", "site", "url", "title", "byline", "published", "encoding", "publish_text", "redact")
    site = "https://all.example/"

    assert {source: tuple(row[name] for name in names) for source, row in rows.items()} == {
        "a.txt": ("All", "CC0-1.0", site, None, None, None, None, None, True, False),
        "deep/b.txt": ("Deep", "CC0-1.0", site, site + "b/4", "B", "Ada Quill", "2031-05-04", "cp1252", False, False),
        "deep/down/c.txt": ("Deep", "CC0-1.0", site, None, None, None, None, None, False, True),
    }
    assert [True] * 3 == [row["redact"] for row in read(tmp_path, redact=True)]


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('oulet = "X"', r"sub/source\.toml: key oulet: not known; known are author"),
        ('title = "X"', r"key title: not known"),
        ("outlet = 3", r"key outlet: 3 is no text"),
        ('outlet = " "', r"key outlet: ' ' is no text"),
        ('publish_text = "no"', r"key publish_text: 'no' is neither true nor false"),
        ("redact = 1", r"key redact: 1 is neither true nor false"),
        ('published = "May 4"', r"key published: not an EDTF value"),
        ('language = "English"', r"key language: 'English' is no BCP 47 code"),
        ('encoding = "hex"', r"key encoding: 'hex' is no codec"),
        ('encoding = "utf-7"', r"key encoding: 'utf-7' is no codec"),
        ('[files."a.txt"]\ntytle = "X"', r'key files\."a\.txt"\.tytle: not known'),
        ('[files."b.txt"]\ntitle = "X"', r'key files\."b\.txt": there is no such file'),
        ('files = "a.txt"', r"key files: write one table for each file"),
        ("outlet = ", r"sub/source\.toml: cannot be read as TOML"),
    ],
)
def test_a_wrong_source_toml_stops_before_the_first_row(tmp_path: Path, toml: str, message: str) -> None:
    """The error names file and key and comes when reading is asked for, not in its midst."""
    _write(tmp_path, {"0.txt": "first", "sub/a.txt": "A", "sub/source.toml": toml})

    with pytest.raises(SchemaError, match=message):
        read(tmp_path)


def test_a_source_toml_from_outside_is_not_read(tmp_path: Path) -> None:
    """A link that leads out of the raw folder is refused for facts as it is for texts."""
    raw = _write(tmp_path / "raw", {"a.txt": "A"})
    _write(tmp_path, {"secret.toml": 'outlet = "Secret"'})
    (raw / "source.toml").symlink_to("../secret.toml")

    with pytest.raises(SchemaError, match="leads out of the raw folder"):
        read(raw)


def test_a_folder_that_is_none_is_one_clear_error(tmp_path: Path) -> None:
    """A missing folder, or a file in its place, is told with what to do."""
    _write(tmp_path, {"a.txt": "A"})

    for wrong in (tmp_path / "missing", tmp_path / "a.txt"):
        with pytest.raises(StoreError, match="is no folder; name one"):
            read(wrong)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("UTF8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("UTF-16", "utf-16-le"),
        ("windows-1252", "cp1252"),
        ("latin-1", "iso8859-1"),
        ("rot13", None),
        ("iso2022_jp", None),
        ("unicode_escape", None),
        ("nonsense", None),
    ],
)
def test_a_codec_is_one_that_gives_each_byte_its_place(name: str, codec: str | None) -> None:
    """Aliases come to one name; codecs with a state, and those that are none of text, are none."""
    assert codec_name(name) == codec
