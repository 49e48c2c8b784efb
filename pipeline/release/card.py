"""README.md of a release: the Hugging Face dataset card, and what a person reads first.

The header is dumped by a YAML writer, never put together from strings. Each entry of `configs` carries the version and
each `dataset_info` the digest of the data, because `datasets` keeps what it loaded by folder name and header alone and
would hand out the rows of an older release. There is no `splits` block: with one, `filters=` fails.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema
from pipeline.check import Report
from pipeline.release import measured
from pipeline.release.snippets import snippets

DEFAULT = "claims"
_TEMPLATES = Path(__file__).parent / "templates"
_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)


def card(tables: Mapping[str, pa.Table], report: Report, package: str, version: str, manifest: str) -> str:
    """The text of README.md; `manifest` is the SHA-256 of manifest-sha256.txt, which names the data."""
    import yaml

    header = yaml.safe_dump(
        _header(tables, package, version, manifest), sort_keys=False, allow_unicode=True, width=2**20
    )
    return f"---\n{header}---\n\n{_body(tables, report, package, version, manifest)}"


def _header(tables: Mapping[str, pa.Table], package: str, version: str, manifest: str) -> dict[str, Any]:
    about = schema.package()
    description = f"{package} {version} manifest sha256:{manifest}"
    found: dict[str, Any] = {"pretty_name": f"{about['title']}: {package}"}
    if re.fullmatch(r"[A-Za-z0-9.+-]+", about["licence"]):
        found["license"] = about["licence"].lower()
    else:
        found |= {"license": "other", "license_name": about["licence"], "license_link": about["licence_path"]}
    languages = {language.split("-")[0] for language in tables["documents"]["language"].to_pylist() if language}
    if languages:
        found["language"] = sorted(languages)
    found |= {
        "tags": list(about["keywords"]),
        "size_categories": [next((name for limit, name in _SIZES if tables[DEFAULT].num_rows < limit), "n>10M")],
        "configs": [
            {
                "config_name": name,
                **({"default": True} if name == DEFAULT else {}),
                "version": version,
                "data_files": [{"split": "train", "path": f"data/{name}.parquet"}],
            }
            for name in (DEFAULT, *(table for table in schema.TABLES if table != DEFAULT))
        ],
        "dataset_info": [
            {"config_name": name, "description": description, "features": schema.features(name)}
            for name in schema.TABLES
        ],
    }
    return found


def _body(tables: Mapping[str, pa.Table], report: Report, package: str, version: str, manifest: str) -> str:
    about = schema.package()
    documents, claims, stances = tables["documents"], tables["claims"], tables["stances"]
    accepted = documents.filter(pc.is_null(documents["rejected"]))
    return Template((_TEMPLATES / "card.md").read_text(encoding="utf-8")).substitute(
        title=about["title"],
        description=about["description"],
        package=package,
        version=version,
        manifest=manifest,
        licence=_cell(about["licence"]),
        licence_path=about["licence_path"],
        tables=_table(
            ("table", "rows", "a row is"),
            [
                (f"[`{name}`](#{name})", f"{tables[name].num_rows:,}", schema.load(name).description)
                for name in schema.TABLES
            ],
            escape=False,
        ),
        inputs=f"{documents.num_rows:,}",
        accepted=f"{accepted.num_rows:,}",
        rejected=f"{documents.num_rows - accepted.num_rows:,}",
        withheld=f"{pc.sum(pc.invert(accepted['text_published'])).as_py() or 0:,}",
        outlets=_table(("outlet", "documents"), _counted(accepted["outlet"], "(not told)")),
        licences=_table(("licence of the text", "documents"), _counted(accepted["licence"], "(not told)")),
        types=_table(("claim type", "claims"), _counted(claims["claim_type"])),
        voices=_table(("voice", "claims"), _counted(claims["voice"])),
        polarities=_table(("stance", "documents and targets"), _counted(stances["polarity"])),
        figures=_table(
            ("what", "figure"),
            [
                ("checks passed, on the tables and on the package's own bytes", f"{len(report.checks):,}"),
                ("rows checked, over all checks", f"{sum(check.rows for check in report.checks):,}"),
                *facts(tables),
            ],
        ),
        measured=measured.markdown(),
        snippets="\n\n".join(
            f"{snippet.title}:\n\n```{snippet.language}\n{snippet.code}\n```" for snippet in snippets(package, version)
        ),
        fields="\n".join(f'<a id="{name}"></a>\n\n{schema.markdown(name)}' for name in schema.TABLES),
    )


def facts(tables: Mapping[str, pa.Table]) -> list[tuple[str, str]]:
    """What share of the rows could be filled in: (what, figure), for the card and the page."""
    documents, claims, dates, stances = (tables[name] for name in ("documents", "claims", "dates", "stances"))
    accepted = documents.filter(pc.is_null(documents["rejected"]))
    attributed = claims.select(["speaker"]).filter(pc.equal(claims["voice"], "attributed"))
    other = pc.sum(pc.equal(claims["claim_type"], "other")).as_py() or 0
    assessed = pc.sum(pc.not_equal(stances["polarity"], "insufficient")).as_py() or 0

    def known(table: pa.Table, column: str) -> str:
        return _share(table.num_rows - table[column].null_count, table.num_rows)

    return [
        ("attributed claims with a named speaker", known(attributed, "speaker")),
        ("claims of the type 'other'", _share(other, claims.num_rows)),
        ("documents with a date of publication", known(accepted, "published")),
        ("temporal expressions resolved to a calendar value", known(dates, "edtf")),
        ("outlet and target pairs with enough sentences to assess", _share(assessed, stances.num_rows)),
    ]


def _counted(column: pa.ChunkedArray, null: str = "") -> list[tuple[str, str]]:
    """(value, count), commonest first, null last."""
    counts = {entry["values"]: entry["counts"] for entry in pc.value_counts(column).to_pylist()}
    missing = counts.pop(None, 0)
    found = [(value, f"{count:,}") for value, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    return [*found, (null, f"{missing:,}")] if missing else found


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} ({part / whole:.0%})" if whole else "none to count"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, escape: bool = True) -> str:
    rule = ["---" if cell == head[0] or cell.startswith("a row") else "---:" for cell in head]
    lines = [" | ".join(head), " | ".join(rule)]
    lines += [" | ".join(_cell(cell) if escape else cell for cell in row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _cell(text: str) -> str:
    """Text as text: nothing in it is Markdown or HTML, and it stays on its line."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return re.sub(r"[\\`*_\[\]<>|~&!:$]", lambda match: f"&#{ord(match[0])};", printable)
