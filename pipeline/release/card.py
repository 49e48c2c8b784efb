"""README.md of a release: the Hugging Face dataset card, and what a person reads first.

The header is dumped by a YAML writer, never put together from strings. Each entry of `configs` carries the version and
each `dataset_info` the digest of the data, because `datasets` keeps what it loaded by folder name and header alone and
would hand out the rows of an older release. There is no `splits` block: with one, `filters=` fails.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any

from pipeline import schema, withheld
from pipeline.check import Report
from pipeline.corpus import Corpus, Source
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


def card(tables: Mapping[str, Source], report: Report, package: str, version: str, manifest: str) -> str:
    """The text of README.md; `manifest` is the SHA-256 of manifest-sha256.txt, which names the data."""
    import yaml

    tables = Corpus.of(tables)
    header = yaml.safe_dump(
        _header(tables, package, version, manifest), sort_keys=False, allow_unicode=True, width=2**20
    )
    return f"---\n{header}---\n\n{_body(tables, report, package, version, manifest)}"


def _header(tables: Corpus, package: str, version: str, manifest: str) -> dict[str, Any]:
    about = schema.package()
    description = f"{package} {version} manifest sha256:{manifest}"
    found: dict[str, Any] = {"pretty_name": f"{about['title']}: {package}"}
    if re.fullmatch(r"[A-Za-z0-9.+-]+", about["licence"]):
        found["license"] = about["licence"].lower()
    else:
        found |= {"license": "other", "license_name": about["licence"], "license_link": about["licence_path"]}
    spoken = "SELECT DISTINCT split_part(language, '-', 1) FROM documents WHERE language <> '' ORDER BY ALL"
    if languages := [language for (language,) in tables.rows(spoken)]:
        found["language"] = languages
    found |= {
        "tags": list(about["keywords"]),
        "size_categories": [next((name for limit, name in _SIZES if tables.count(DEFAULT) < limit), "n>10M")],
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


def _body(tables: Corpus, report: Report, package: str, version: str, manifest: str) -> str:
    about = schema.package()
    inputs, accepted, withheld_texts = tables.one(
        "SELECT count(*), count(*) FILTER (rejected IS NULL), "
        "count(*) FILTER (rejected IS NULL AND NOT text_published) FROM documents"
    )
    documents = "documents WHERE rejected IS NULL"
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
                (f"[`{name}`](#{name})", f"{tables.count(name):,}", schema.load(name).description)
                for name in schema.TABLES
            ],
            escape=False,
        ),
        inputs=f"{inputs:,}",
        accepted=f"{accepted:,}",
        rejected=f"{inputs - accepted:,}",
        withheld=f"{withheld_texts:,}",
        words=withheld.WORDS,
        outlets=_table(("outlet", "documents"), _counted(tables, "outlet", documents, "(not told)")),
        licences=_table(("licence of the text", "documents"), _counted(tables, "licence", documents, "(not told)")),
        types=_table(("claim type", "claims"), _counted(tables, "claim_type", "claims")),
        voices=_table(("voice", "claims"), _counted(tables, "voice", "claims")),
        polarities=_table(("stance", "documents and targets"), _counted(tables, "polarity", "stances")),
        figures=_table(
            ("what", "figure"),
            [
                ("checks passed, on the tables and on the package's own bytes", f"{len(report.checks):,}"),
                ("rows checked, over all checks", f"{sum(check.rows for check in report.checks):,}"),
                *_sampled(report),
                *facts(tables),
            ],
        ),
        measured=measured.markdown(),
        snippets="\n\n".join(
            f"{snippet.title}:\n\n```{snippet.language}\n{snippet.code}\n```" for snippet in snippets(package, version)
        ),
        fields="\n".join(f'<a id="{name}"></a>\n\n{schema.markdown(name)}' for name in schema.TABLES),
    )


def _sampled(report: Report) -> Iterator[tuple[str, str]]:
    """What the slow peers looked at where that was not all; our rules ask the same of every row."""
    for who, prefix in (("Great Expectations", "expect_"), ("Frictionless", "frictionless ")):
        looked: dict[str, int] = {}
        for one in report.checks:
            if one.name.startswith(prefix) and one.table in report.counts:
                looked[one.table] = max(looked.get(one.table, 0), one.rows)
        parts = [(name, rows, report.counts[name]) for name, rows in looked.items() if rows < report.counts[name]]
        if parts:
            told = ", ".join(f"{rows:,} of {all_:,} {name}" for name, rows, all_ in parts)
            yield f"rows that {who} looked at, where our rules, which ask the same, looked at all", told


def facts(tables: Mapping[str, Source]) -> list[tuple[str, str]]:
    """What share of the rows could be filled in: (what, figure), for the card and the page."""
    corpus = Corpus.of(tables)
    asked = (
        ("attributed claims with a named speaker", "speaker IS NOT NULL", "claims WHERE voice = 'attributed'"),
        ("claims of the type 'other'", "claim_type = 'other'", "claims"),
        ("documents with a date of publication", "published IS NOT NULL", "documents WHERE rejected IS NULL"),
        ("temporal expressions resolved to a calendar value", "edtf IS NOT NULL", "dates"),
        ("outlet and target pairs with enough sentences to assess", "polarity <> 'insufficient'", "stances"),
    )
    return [
        (what, _share(*corpus.one(f"SELECT count(*) FILTER ({held}), count(*) FROM {rows}")))
        for what, held, rows in asked
    ]


def _counted(corpus: Corpus, column: str, rows: str, null: str = "") -> list[tuple[str, str]]:
    """(value, count), commonest first, null last."""
    order = f"{column} IS NULL, number DESC, {column}"
    counts = corpus.rows(f"SELECT {column}, count(*) AS number FROM {rows} GROUP BY {column} ORDER BY {order}")
    return [(null if value is None else value, f"{count:,}") for value, count in counts]


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
