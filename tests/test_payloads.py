"""Sixty hostile values in every text field of a release: each stays text in pages, card, tables and terminal."""

import csv
import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from releases import many
from served import serving

from pipeline import check, schema
from pipeline.__main__ import _Shown
from pipeline.release import card, catalogue, manifest, page, tables

MARKUP = [
    f"{before}{code}{after}"
    for code in (
        "<script>alert(1)</script>",
        "<img src=http://192.0.2.1/x onerror=alert(1)>",
        "<svg onload=alert(1)>",
        "<iframe src=javascript:alert(1)></iframe>",
        "<a href=javascript:alert(1) autofocus onfocus=alert(1)>x</a>",
        "<style>@import 'http://192.0.2.1/x'</style><link rel=stylesheet href=http://192.0.2.1/x>",
    )
    for before, after in (("", ""), ('">', '<"'), ("</script>", "<!--"), ("</title></style>", "]]>"))
]
OTHERS = [
    "javascript:alert(1)", "data:text/html,<script>alert(1)</script>", "{{ 7*7 }}", "{% raw %}", "${7*7}", "#{7*7}",
    "a | b", "a |\n| --- |", "[x](javascript:alert(1))", "![x](http://192.0.2.1/x)", "`code` **bold** <b>",
    "\n---\n# x",     "---\nlicense: mit\n---",
    "- a: [b", "key: value # no", "*alias", "&anchor !!python/object:x", "'\"\\",
    "%YAML 1.2", "null",
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", "\r=1+1", '=HYPERLINK("http://192.0.2.1")', 'a","b', "a\r\nb",
    "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b31m", "\u202egnp.exe", "\u2066x\u2069", "\u2028line", "W" * 5_000,
]  # fmt: skip
PAYLOADS = MARKUP + OTHERS
FIELDS = {
    "documents": ("source", "outlet", "url", "title", "byline", "dateline", "licence", "rejected_detail"),
    "claims": ("outlet", "text", "speaker", "speaker_role", "via", "cue"),
    "stances": ("outlet", "target"),
    "speakers": ("name",),
}


def words(text: str) -> str:
    """A text as one reads it: what HTML cannot hold left out, white space as one space."""
    return " ".join(re.sub("[\x00-\x08\x0b\x0e-\x1f]", "\ufffd", text).split())


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue with a release in which every text field of row n is payload n, with report, card and CSV."""
    assert len(PAYLOADS) == 60
    output = tmp_path_factory.mktemp("hostile")
    built = output / "hostile" / "1.0.0"
    (built / "data" / "csv").mkdir(parents=True)
    (built / "quality").mkdir()
    rows = many(120)
    for name, fields in FIELDS.items():
        for number, row in enumerate(rows[name]):
            row |= {field: PAYLOADS[number % 60] for field in fields if field in row}
    found = tables.published(tables.canonical({name: schema.table(name, rows[name]) for name in schema.TABLES}))
    for name, table in found.items():
        tables.write_parquet(name, table, built / "data" / f"{name}.parquet")
        tables.write_csv(table, built / "data" / "csv" / f"{name}.csv")
    data = manifest.write_payload(built)
    failing = [check.Failure("claims", text, "x", text, text) for text in PAYLOADS]
    checks = tuple(check.Check(text, "claims", 3, 1, tuple(failing[n : n + 1])) for n, text in enumerate(PAYLOADS))
    flags = tuple(check.Flag(text, "claims", 3, 1, 1, ((text, text),)) for text in PAYLOADS)
    counts = {name: table.num_rows for name, table in found.items()}
    report = check.Report(checks, (), counts, check.Balance(4, 4, 0, {}), flags)
    (built / "quality" / "report.json").write_text(report.to_json())
    (built / "quality" / "report.html").write_text(page.quality(report, "hostile", "1.0.0"))
    (built / "README.md").write_text(card.card(found, report, "hostile", "1.0.0", data), encoding="utf-8", newline="\n")
    page.write(built, "hostile", "1.0.0")
    gone = {
        "archive": None,
        "tagmanifest_sha256": "0" * 64,
        "rows": dict.fromkeys(schema.TABLES, 1),
        "replaced_by": None,
    }
    versions = [gone | {"version": f"1.0.{n}", "status": "yanked", "reason": text} for n, text in enumerate(PAYLOADS)]
    failed = [{"after": None, "version": "1.0.0", "failed_checks": list(PAYLOADS)}]
    told = {"package": "hostile", "title": "x", "versions": versions, "failed": failed}
    (output / "hostile" / catalogue.FILE).write_text(json.dumps(told))
    (output / page.FILE).write_text(page.catalogue([told]))
    (output / page.BROWSER).write_text(page.browser())
    return output


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("Chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "least"),
    [
        ("", 60),
        ("hostile/1.0.0/", 40),
        ("hostile/1.0.0/quality/report.html", 60),
    ],
)
def test_every_value_is_text_in_every_page(chromium: Any, output: Path, path: str, least: int) -> None:
    """No dialog, no complaint of the policy, no foreign request; what is shown is the value, letter by letter."""
    context = chromium.new_context()
    tab = context.new_page()
    dialogs: list[str] = []
    complaints: list[str] = []
    asked: list[str] = []
    tab.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    with serving(output) as address:
        tab.goto(f"{address}/{path}")
        tab.wait_for_load_state("networkidle")
        seen = [words(text) for text in tab.evaluate(
            "[...document.querySelectorAll('body *:not(script):not(style)')].map(one => one.textContent)"
        )]  # fmt: skip
        odd = tab.evaluate(
            "document.querySelectorAll('img, iframe, main script, [onload], [onerror], [onfocus]').length"
        )
        links = tab.evaluate("[...document.querySelectorAll('[href], [src]')].map(one => one.href || one.src)")
    context.close()

    assert dialogs == complaints == []
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    assert odd == 0
    assert [url for url in links if str(url).startswith(("javascript:", "data:text"))] == []
    whole = " ".join(seen)
    kept = [text for text in PAYLOADS if words(text) in whole or any(words(text) == one for one in seen)]
    assert len(kept) >= least, sorted(set(PAYLOADS) - set(kept))


def test_the_card_is_what_was_written(output: Path) -> None:
    """The head of README.md parses as YAML to strings and lists of ours, and every Markdown table keeps its columns."""
    text = (output / "hostile" / "1.0.0" / "README.md").read_text(encoding="utf-8")
    head, body = text.removeprefix("---\n").split("\n---\n", 1)
    told = yaml.safe_load(head)
    columns = None

    assert told["license"] == schema.package()["licence"].lower()
    assert [config["config_name"] for config in told["configs"]] == sorted(
        schema.TABLES, key=lambda name: (name != "claims", schema.TABLES.index(name))
    )
    for line in body.split("\n"):
        bars = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else None
        assert columns is None or bars is None or bars == columns, line
        columns = bars
    assert not re.search(r"<(?:script|img|svg|iframe|style|link)", body)


def test_the_csv_holds_every_value_exactly(output: Path) -> None:
    """What any CSV reader gives back is what Parquet holds: no value changed, for machines."""
    for name, fields in FIELDS.items():
        rows = pq.read_table(output / "hostile" / "1.0.0" / "data" / f"{name}.parquet").to_pylist()
        with (output / "hostile" / "1.0.0" / "data" / "csv" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file))
        held = [field for field in fields if field in rows[0]]

        assert [[row[field] or "" for field in held] for row in rows] == [
            [row[field] for field in held] for row in found
        ]


def test_the_terminal_gets_no_control_character(capfd: pytest.CaptureFixture[str]) -> None:
    """Names and messages come to a terminal with their control characters shown; JSON stays JSON with equal values."""
    raw = io.BytesIO()
    stream = _Shown(raw, encoding="utf-8", errors="backslashreplace")
    json.dump(PAYLOADS, stream, ensure_ascii=False)
    print("".join(map(chr, range(0x20))), "\x7f\x9b", "\udc80", *PAYLOADS, file=stream)
    stream.flush()
    sent = raw.getvalue().decode()

    assert not set(sent) & {
        chr(n) for n in (*range(9), *range(11, 32), *range(127, 160), 0x2028, *range(0x202A, 0x202F))
    }
    assert json.JSONDecoder().raw_decode(sent)[0] == PAYLOADS
