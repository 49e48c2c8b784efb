"""The page in headless Chromium: search, filters, links, downloads, attacks, and what a screen reader needs."""

import csv
import io
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow.parquet as pq
import pytest
import tiny
from served import WITHOUT_RANGES, serving

from pipeline import check, schema
from pipeline.release import made_up, manifest, page, tables

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
expect = sync_api.expect
expect.set_options(timeout=60_000)  # a busy machine is no failing test
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PUBLISHED = Path(__file__).parents[1] / "output"
WEB = Path(page.__file__).parent / "web"
AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.skipif(not (WEB / "dist" / page.BROWSER).exists(), reason="`make page` has not bundled the script"),
]
MANY = 3_000
EVIL = '<img src=x onerror=alert(1)>"><script>alert(2)</script>'
PARTING = "\ufeffZwölf Böden,\0\0\0\n so-called… “ﬁve” \0\0\0"  # holds what the script parts values by
WORDS = "😀😀 “Boats, 𝔄 and nets,” said Ilse Dorn.\n\nThe quay was wet."


def publish(output: Path, package: str, rows: dict[str, Any]) -> Path:
    """A release with its page in a catalogue, as the release stage lays them out."""
    built = output / package / "1.0.0"
    (built / "data" / "csv").mkdir(parents=True)
    (built / "quality").mkdir()
    published = tables.published(tables.canonical(rows))
    for name, table in published.items():
        tables.write_parquet(name, table, built / "data" / f"{name}.parquet")
        tables.write_csv(table, built / "data" / "csv" / f"{name}.csv")
    manifest.write_payload(built)
    counts = {name: table.num_rows for name, table in published.items()}
    report = check.Report(
        (check.Check("a check", "claims", 3, 0, ()),), (), counts, check.Balance(4, 3, 1, {"binary": 1})
    )
    (built / "quality" / "report.json").write_text(report.to_json())
    (built / "quality" / "report.html").write_text(page.quality(report, package, "1.0.0"))
    page.write(built, package, "1.0.0")
    listed = {
        "package": package,
        "title": schema.package()["title"],
        "versions": [entry("1.0.0", counts)],
        "failed": [],
    }
    (output / package / "versions.json").write_text(json.dumps(listed))
    lists = [json.loads(path.read_text()) for path in sorted(output.glob("*/versions.json"))]
    (output / page.FILE).write_text(page.catalogue(lists))
    (output / page.BROWSER).write_text(page.browser())
    return built


def entry(version: str, rows: dict[str, int], status: str = "active", **values: str) -> dict[str, Any]:
    """An entry of versions.json."""
    told = {"reason": None, "replaced_by": None, "archive": None, "tagmanifest_sha256": "0" * 64}
    return {"version": version, "status": status, "rows": rows} | told | values


def evil() -> dict[str, Any]:
    """The tiny corpus with markup in every text column, and a claim behind characters of two UTF-16 units."""
    rows = tiny.rows()
    claim = rows["claims"][2]
    start = WORDS.index("Boats")
    claim |= {"text": WORDS[start : start + 18], "start": start, "end": start + 18, "spans": f"{start}-{start + 18}"}
    rows["claims"][1]["text"] = PARTING
    for column, words in (("cue_span", "said"), ("speaker_span", "Ilse Dorn")):
        claim[column] = f"{WORDS.index(words)}-{WORDS.index(words) + len(words)}"
    claim |= {"speaker_role": EVIL, "via": EVIL}
    next(row for row in rows["texts"] if row["document_id"] == claim["document_id"])["text"] = WORDS
    rows["claims"][0] |= {"text": EVIL, "speaker": EVIL, "outlet": EVIL}
    rows["stances"][0] |= {"target": EVIL}
    for row in rows["documents"]:
        row |= {"title": EVIL, "outlet": EVIL, "url": "javascript:alert(3)"}
    return tiny.tables(rows)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue of two packages: a made-up one with many claims, and a small one that attacks its readers."""
    output = tmp_path_factory.mktemp("catalogue")
    publish(output, "evil", evil())
    publish(output, "many", made_up.corpus(MANY))
    return output


@pytest.fixture(scope="module")
def address(output: Path) -> Iterator[str]:
    """Where the project's own server serves it."""
    with serving(output) as found:
        yield found


@dataclass
class Seen:
    """What a page did: complaints of the console, dialogs, requests with status, pages opened."""

    complaints: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    answers: list[tuple[str, int]] = field(default_factory=list)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One Chromium for all tests; each takes a context of its own."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def watched(context: Any) -> tuple[Any, Seen]:
    """A page with a record of what it does."""
    tab, seen = context.new_page(), Seen()
    tab.on("console", lambda message: seen.complaints.append(message.text) if message.type != "log" else None)
    tab.on("pageerror", lambda error: seen.complaints.append(str(error)))
    tab.on("dialog", lambda dialog: (seen.dialogs.append(dialog.message), dialog.dismiss()))
    tab.on("request", lambda request: seen.asked.append(request.url))
    tab.on("response", lambda response: seen.answers.append((urlsplit(response.url).path, response.status)))
    return tab, seen


@pytest.fixture
def context(chromium: Any) -> Iterator[Any]:
    """A fresh profile of 1280 by 900 pixels."""
    fresh = chromium.new_context(viewport={"width": 1280, "height": 900})
    yield fresh
    fresh.close()


@pytest.fixture
def many(context: Any, address: str) -> Iterator[Any]:
    """The page of the large release with its claims loaded; at the end nothing foreign was asked for."""
    tab, seen = watched(context)
    tab.goto(f"{address}/many/1.0.0/")
    expect(tab.locator("#count")).to_have_text(f"{MANY:,} of {MANY:,} claims")
    yield tab
    assert seen.complaints == seen.dialogs == []
    assert [url for url in seen.asked if not url.startswith((address, "data:", "blob:"))] == []
    assert {status for path, status in seen.answers if path.endswith(".parquet")} == {206}


def claims(output: Path, package: str = "many") -> list[dict[str, Any]]:
    """The published rows, read by another library."""
    return pq.read_table(output / package / "1.0.0" / "data" / "claims.parquet").to_pylist()


def count(tab: Any, rows: list[Any]) -> None:
    """Wait until the page says that it shows so many."""
    expect(tab.locator("#count")).to_have_text(f"{len(rows):,} of {MANY:,} claims")


def test_search_finds_what_the_data_hold(many: Any, output: Path) -> None:
    """Words, an unfinished word, a phrase and a speaker's name find the rows that hold them, no more and no less."""
    rows = claims(output)
    first, second, third = rows[7]["text"].split()[1:4]
    name = next(row["speaker"] for row in rows if row["speaker"])

    def words(row: dict[str, Any]) -> list[str]:
        return re.findall(r"\w+", f"{row['text']} {row['speaker'] or ''}".lower())

    def says(row: dict[str, Any], phrase: str) -> bool:
        return re.search(rf"\b{phrase}", f"{row['text']}\n{row['speaker'] or ''}".lower()) is not None

    box = many.get_by_label("Words in the claim")
    for query, wanted in (
        (f"{first} {third}", lambda row: first in words(row) and any(w.startswith(third) for w in words(row))),
        (third[:2], lambda row: any(word.startswith(third[:2]) for word in words(row))),
        (f'"{first} {second} {third}"', lambda row: says(row, f"{first} {second} {third}")),
        (f'"{name}"', lambda row: says(row, name.lower())),
    ):
        box.fill(query)

        count(many, [row for row in rows if wanted(row)])
        marked = many.locator(".results mark")
        if name not in query:
            expect(marked.first).to_have_text(re.compile(query.strip('"').split()[0], re.IGNORECASE))
    box.fill(f"{first} qqq")
    count(many, [])
    expect(many.get_by_text("Nothing has all of this")).to_be_visible()


def test_filters_narrow_and_stay_in_the_address(many: Any, output: Path) -> None:
    """Outlet, type, stance, voice, speaker and days narrow together, are counted, linked to, and cleared."""
    rows = claims(output)
    pick = rows[MANY // 2]
    many.get_by_label("Outlet", exact=True).select_option(pick["outlet"])
    rows = [row for row in rows if row["outlet"] == pick["outlet"]]
    count(many, rows)
    same = [row for row in rows if row["claim_type"] == pick["claim_type"]]
    expect(many.locator(f"select[name=type] option[value={pick['claim_type']}]")).to_have_text(
        f"{pick['claim_type']} ({len(same)})"
    )
    many.get_by_label("Said on or after").fill("2029-06-01")
    many.get_by_label("Said on or before").fill("2030-06-30")
    rows = [row for row in rows if "2029-06-01" <= str(row["date_start"]) <= "2030-06-30"]
    count(many, rows)
    many.get_by_label("Outlet’s stance").select_option("reports")
    rows = [row for row in rows if row["outlet_stance"] == "reports"]
    count(many, rows)
    many.reload()
    count(many, rows)

    expect(many.get_by_label("Outlet", exact=True)).to_have_value(pick["outlet"])
    many.get_by_role("button", name="Clear all").click()
    count(many, claims(output))


def test_a_long_list_is_paged(many: Any, output: Path) -> None:
    """Twenty claims at a time stand in the page, newest first, and the keyboard turns the pages."""
    newest = max(str(row["date_start"]) for row in claims(output))

    expect(many.locator(".results li")).to_have_count(20)
    expect(many.locator(".results li").first).to_contain_text(newest)
    many.get_by_role("link", name="Next").press("Enter")
    expect(many.locator("ol.results")).to_have_attribute("start", "21")
    expect(many.get_by_text("Page 2 of 150")).to_be_visible()
    many.go_back()
    expect(many.locator("ol.results")).to_have_attribute("start", "1")


def test_a_link_opens_one_claim(many: Any, output: Path, address: str) -> None:
    """A claim's address shows it in its article, Escape leads back to where one was; an unknown one says so."""
    row = claims(output)[40]
    many.goto(f"{address}/many/1.0.0/#claim={row['claim_id']}")
    many.reload()

    dialog = many.get_by_role("dialog")
    expect(dialog).to_contain_text(f"{row['raw_start']} to {row['raw_end']}")
    expect(dialog).to_contain_text(f"Claim {row['claim_id']}, read from")
    meaning = dict(schema.load("claims").field("claim_type").categories)[row["claim_type"]]
    expect(dialog.locator("dl").first).to_contain_text(f"{row['claim_type']}: {meaning.replace('`', '')}")
    beside = [one["text"] for one in claims(output) if one["document_id"] == row["document_id"]]
    beside.remove(row["text"])
    dialog.get_by_text(f"Other claims in this article: {len(beside)}").click()
    assert dialog.locator("li").all_text_contents() == beside
    dialog.locator("li a").first.click()
    expect(dialog.locator("blockquote")).to_be_visible()
    expect(dialog).not_to_contain_text(f"Claim {row['claim_id']}, read from")
    many.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    link = many.locator(".results").get_by_role("link").nth(3)
    link.press("Enter")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    expect(link).to_be_focused()
    many.goto(f"{address}/many/1.0.0/#claim=c0")
    expect(dialog).to_contain_text("There is no claim c0 in this release.")


@pytest.mark.parametrize("kind", ["CSV", "JSON"])
def test_what_is_shown_can_be_downloaded(many: Any, output: Path, kind: str) -> None:
    """The file holds the filtered rows with every column, exactly as the release's own CSV has them."""
    many.get_by_label("Type of claim").select_option("causal")
    with (output / "many" / "1.0.0" / "data" / "csv" / "claims.csv").open(encoding="utf-8", newline="") as file:
        wanted = {row["claim_id"]: row for row in csv.DictReader(file) if row["claim_type"] == "causal"}
    count(many, list(wanted))
    with many.expect_download() as started:
        many.get_by_role("button", name=kind).click()
    text = Path(started.value.path()).read_text(encoding="utf-8")
    if kind == "CSV":
        found = list(csv.DictReader(io.StringIO(text, newline="")))
    else:
        found = [
            {name: "" if v is None else v if isinstance(v, str) else json.dumps(v) for name, v in row.items()}
            for row in json.loads(text)
        ]

    assert started.value.suggested_filename == f"many-1.0.0-claims.{kind.lower()}"
    assert {row["claim_id"]: _numbers(row) for row in found} == {key: _numbers(row) for key, row in wanted.items()}


def _numbers(row: dict[str, str]) -> dict[str, object]:
    """Probabilities as numbers: 1.0 in one file is 1 in another."""
    return {name: float(value) if name.startswith("confidence") and value else value for name, value in row.items()}


def test_everything_is_text(context: Any, address: str) -> None:
    """Markup in any value is shown as written, in the page and in the script's part of it; no address runs code."""
    tab, seen = watched(context)
    tab.goto(f"{address}/evil/1.0.0/")
    expect(tab.locator("#count")).to_have_text("3 of 3 claims")
    expect(tab.locator(".results")).to_contain_text(EVIL)
    tab.locator(".results").get_by_role("link").filter(has_text="Boats").click()
    dialog = tab.get_by_role("dialog")
    expect(dialog.locator("mark.claim").first).to_have_text("Boats, 𝔄 and nets,")
    expect(dialog.locator("blockquote mark.speaker")).to_have_text("Ilse Dorn")
    expect(dialog.locator("blockquote mark.cue")).to_have_text("said")
    expect(dialog).to_contain_text(EVIL)

    assert tab.locator("img, main script, dialog script").count() == 0
    assert tab.locator("a[href^=javascript]").count() == 0
    assert seen.complaints == seen.dialogs == []


def test_every_character_comes_through(context: Any, address: str, output: Path) -> None:
    """A value with NULs, a byte order mark, ligatures and two-unit characters is downloaded as it was published."""
    tab, seen = watched(context)
    tab.goto(f"{address}/evil/1.0.0/#q=five")
    expect(tab.locator("#count")).to_have_text("1 of 3 claims")
    tab.get_by_role("button", name="Clear all").click()
    expect(tab.locator("#count")).to_have_text("3 of 3 claims")
    with tab.expect_download() as started:
        tab.get_by_role("button", name="JSON").click()
    found = {row["claim_id"]: row for row in json.loads(Path(started.value.path()).read_text(encoding="utf-8"))}

    assert PARTING in [row["text"] for row in found.values()]
    strings = [field.name for field in schema.arrow("claims") if field.type == "string"]
    assert {key: [row[name] for name in strings] for key, row in found.items()} == {
        row["claim_id"]: [row[name] for name in strings] for row in claims(output, "evil")
    }
    assert seen.complaints == []


def test_the_code_for_this_address_runs(many: Any, output: Path) -> None:
    """What the page tells to copy for pandas reads the very claims from where the page was served."""
    code = many.get_by_label("Code for pandas, from this address").text_content()
    held: dict[str, Any] = {}
    exec(code, held)

    assert len(held["claims"]) == MANY


def test_the_script_serves_releases_of_old(context: Any, tmp_path: Path) -> None:
    """The page of a release that was published before this script shows, filters and opens its claims with it."""
    shutil.copytree(PUBLISHED, tmp_path / "output")
    (tmp_path / "output" / page.BROWSER).write_text(page.browser())
    with serving(tmp_path / "output") as address:
        tab, seen = watched(context)
        tab.goto(f"{address}/sample/1.0.0/#stance=distances")
        expect(tab.locator("#count")).to_have_text(re.compile("^[1-9][0-9]* of 474 claims"))
        tab.locator(".results a").first.click()

        expect(tab.get_by_role("dialog").locator("mark.claim").first).to_be_visible()
        expect(tab.locator("#versions li").last).to_have_text("1.0.0, this one")
        tab.goto(f"{address}/sample/{json.loads((PUBLISHED / 'sample' / 'latest.json').read_text())['version']}/")
        expect(tab.locator("#standing")).to_have_text(
            re.compile(r"^Published \d{4}-\d\d-\d\d, the newest of \d+ versions\.$")
        )
        expect(tab.get_by_role("link", name="Download all of it")).to_contain_text("MB)")
        assert seen.complaints == []


@pytest.mark.parametrize("place", [4, 20_000, -5])
def test_a_changed_file_is_never_read(context: Any, output: Path, tmp_path: Path, place: int) -> None:
    """One other byte in the claims, and the page says which file is wrong and keeps to its tables."""
    shutil.copytree(output, tmp_path / "copy")
    path = tmp_path / "copy" / "many" / "1.0.0" / "data" / "claims.parquet"
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with serving(tmp_path / "copy") as address:
        tab, _ = watched(context)
        tab.goto(f"{address}/many/1.0.0/")

        expect(tab.get_by_role("alert")).to_contain_text("data/claims.parquet is not the published file")
        expect(tab.locator(".results")).to_have_count(0)
        expect(tab.locator("#static table")).to_be_visible()


def test_a_server_without_ranges_will_do(context: Any, output: Path) -> None:
    """Where a server sends whole files, the claims are shown all the same."""
    with serving(output, WITHOUT_RANGES) as address:
        tab, seen = watched(context)
        tab.goto(f"{address}/many/1.0.0/index.html")

        expect(tab.locator("#count")).to_have_text(f"{MANY:,} of {MANY:,} claims")
        assert seen.complaints == []


def test_a_double_click_shows_tables(context: Any, output: Path) -> None:
    """From the disk, without a server, the page shows the newest claims and pictures, and says how to serve it."""
    tab, seen = watched(context)
    tab.goto((output / "many" / "1.0.0" / page.FILE).as_uri())

    expect(tab.locator("#static")).to_contain_text("make serve")
    expect(tab.locator("#static tbody tr")).to_have_count(100)
    expect(tab.locator("#pictures svg").first).to_be_visible()
    assert seen.complaints == []


def test_a_release_that_may_not_be_used_says_so(context: Any, output: Path, tmp_path: Path) -> None:
    """The page of a yanked version gives the reason and leads to the one that replaces it."""
    shutil.copytree(output, tmp_path / "copy")
    told = [entry("1.0.0", {}, "yanked", reason="Two outlets mixed up", replaced_by="1.0.1"), entry("1.0.1", {})]
    (tmp_path / "copy" / "many" / "versions.json").write_text(json.dumps({"versions": told}))
    with serving(tmp_path / "copy") as address:
        tab, _ = watched(context)
        tab.goto(f"{address}/many/1.0.0/")

        expect(tab.locator("#standing")).to_have_text("This version was yanked: Two outlets mixed up. Use 1.0.1.")


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed (`make page` does it)")
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 320)])
def test_axe_finds_nothing(chromium: Any, address: str, scheme: str, width: int) -> None:
    """Catalogue, release, open claim and quality report break no rule of WCAG 2.2 AA, on a phone too."""
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce"
    )
    tab = context.new_page()
    for path in ("", "evil/1.0.0/", "evil/1.0.0/quality/report.html", "evil/1.0.0/#all="):
        tab.goto(f"{address}/{path}")
        if path == "evil/1.0.0/":
            expect(tab.locator(".results li")).to_have_count(3)
        if path.endswith("#all="):
            tab.locator(".results a").first.click()
            expect(tab.get_by_role("dialog").locator("dd").first).to_be_visible()
        tab.add_style_tag(content="section { content-visibility: visible !important }")  # what is out of sight, too
        tab.add_script_tag(path=AXE)
        told = tab.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice']})")

        assert [(one["id"], one["nodes"][0]["html"][:200]) for one in told["violations"]] == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_all_by_keyboard(many: Any) -> None:
    """The first stop skips to the content; from the search box, tabs reach every filter and the first claim."""
    many.keyboard.press("Tab")
    expect(many.get_by_role("link", name="Skip to the content")).to_be_focused()
    many.get_by_label("Words in the claim").focus()
    reached = set()
    for _ in range(24):
        many.keyboard.press("Tab")
        reached.add(many.evaluate("document.activeElement.name || document.activeElement.textContent"))

    assert {"speaker", "outlet", "type", "stance", "voice", "from", "to", "order", "Clear all"} <= reached
    assert many.locator(".results a").first.text_content() in reached
