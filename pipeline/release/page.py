"""The pages: quality report, annotation guideline, the page of a release, the catalogue of all packages.

Each is one HTML file with its style inside, every value in it text, and a policy that lets nothing in from elsewhere. A
page is whole without script: tables, pictures, samples, code. A release's page also names a script that lies beside the
packages, `browser.js`, which reads the published Parquet and lets people search it. The script is no part of a release,
so the bytes of one do not hang on the bundler, and a mended script serves old releases too.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from pipeline import schema
from pipeline.annotate import guideline as annotation
from pipeline.check import Report
from pipeline.release import card, figures, jsonld, manifest, measured, samples, tables
from pipeline.release.snippets import snippets

if TYPE_CHECKING:
    from markupsafe import Markup

FILE = "index.html"
BROWSER = "browser.js"
_HERE = Path(__file__).parent
_BUNDLED = _HERE / "web" / "dist" / BROWSER
_TEMPLATES = _HERE / "templates"
_PIECE = 2**18
"""Bytes of a file that the browser checks by one digest before it reads them: what one request asks for at least."""
_KINDS = ("Parquet", "CSV", "CSV for spreadsheets")
_PIECES = 512  # digests of a file in the page at most: 23 kB


def quality(report: Report, package: str, version: str) -> str:
    """The report as one HTML file that a double click opens."""
    order = [*schema.TABLES, *sorted({check.table for check in report.checks} - set(schema.TABLES))]
    return _render(
        "report",
        title=schema.package()["title"],
        package=package,
        version=version,
        report=report,
        tables=[(name, [check for check in report.checks if check.table == name]) for name in order],
    )


def guideline() -> str:
    """The annotation guideline of the claim types as one HTML file."""
    return _render("guideline", guide=annotation.guideline(), schemes=annotation.SCHEMES)


def write(built: Path, package: str, version: str) -> None:
    """Write `index.html` of a release from what lies in its folder: data, their manifest, report and changes."""
    held = tables.written(built / "data")
    digests = manifest.read(built / manifest.PAYLOAD)
    files = sorted((_file(built, name, digests) for name in digests), key=lambda file: _KINDS.index(file["kind"]))
    first, last, outlets = held.one(
        "SELECT min(published_start), max(published_start), count(DISTINCT nullif(outlet, '')) FROM documents"
    )
    span = (first.isoformat(), last.isoformat()) if first else None
    spoken = "SELECT DISTINCT language FROM documents WHERE language <> '' ORDER BY ALL"
    languages = [language for (language,) in held.rows(spoken)]
    text = _render(
        "release",
        about=schema.package(),
        package=package,
        version=version,
        schemas=[schema.load(name) for name in schema.TABLES],
        rows={name: held.count(name) for name in schema.TABLES},
        outlets=outlets,
        days=span,
        facts=card.facts(held),
        measured=measured.figures(),
        report=json.loads((built / "quality" / "report.json").read_text(encoding="utf-8")),
        timeline=figures.timeline(held),
        quoted=figures.quoted(held),
        stances=figures.stances(held),
        types=figures.types(held),
        claims=samples.claims(held),
        stance_samples=samples.stances(held),
        newest=samples.newest(held),
        snippets=snippets(package, version),
        files=files,
        named=manifest.digest(built / manifest.PAYLOAD),
        changes=_changes(built),
        jsonld=jsonld.release(package, version, files, span, languages),
        release=_for_the_browser(built, package, version, files),
    )
    (built / FILE).write_text(text, encoding="utf-8", newline="\n")


def catalogue(packages: Sequence[Mapping[str, Any]]) -> str:
    """The page of all packages, from their versions.json."""
    return _render("catalogue", about=schema.package(), packages=packages, jsonld=jsonld.catalogue(packages))


def browser(there: str | None = None) -> str:
    """The script of the claims browser; where it was not bundled (`make page`), what is there, or one that says so.

    there: what another installation published, None where nothing vouches for it.
    """
    if _BUNDLED.exists():
        return _BUNDLED.read_text(encoding="utf-8")
    return there or (_HERE / "web" / "missing.js").read_text(encoding="utf-8")


def _file(built: Path, path: str, digests: Mapping[str, str]) -> dict[str, Any]:
    name = Path(path).stem.removesuffix("-excel")
    parquet, csv, spreadsheets = _KINDS
    kind = parquet if path.endswith(".parquet") else spreadsheets if path.endswith("-excel.csv") else csv
    return {
        "path": path,
        "table": name,
        "kind": kind,
        "title": f"{schema.load(name).title}, as {kind}",
        "bytes": (built / path).stat().st_size,
        "sha256": digests[path],
    }


def _for_the_browser(built: Path, package: str, version: str, files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Where the browser finds the tables, the digests that it checks, and the labels that it offers."""
    tables = {}
    for file in files:
        if file["kind"] != "Parquet" or file["table"] not in ("claims", "documents", "texts"):
            continue
        piece = _PIECE
        while piece * _PIECES < file["bytes"]:
            piece *= 2
        with (built / file["path"]).open("rb") as content:
            pieces = [
                base64.b64encode(hashlib.sha256(content.read(piece)).digest()).decode()
                for _ in range(0, file["bytes"], piece)
            ]
        tables[file["table"]] = {"path": file["path"], "bytes": file["bytes"], "piece": piece, "pieces": pieces}
    claims = schema.load("claims")
    labels = {name: list(claims.field(name).labels) for name in ("claim_type", "outlet_stance", "voice")}
    return {"package": package, "version": version, "tables": tables, "labels": labels}


def _changes(built: Path) -> dict[str, Any] | None:
    """What changed since the release before; None for the first."""
    found = sorted(built.glob("changes/from-*/changes.json"))
    if not found:
        return None
    return {"path": found[0].relative_to(built).as_posix(), **json.loads(found[0].read_text(encoding="utf-8"))}


def _render(name: str, **values: Any) -> str:
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"size": size, "code": _code}
    environment.globals["query"] = _query
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    sheet = "report.css" if name in ("report", "guideline") else "page.css"
    style = (_TEMPLATES / sheet).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template(f"{name}.html").render(
        style=Markup(style), style_digest=f"sha256-{digest}", **values
    )


def _code(text: str) -> "Markup":
    """Escaped text with the words between backticks as code."""
    from markupsafe import Markup, escape

    pieces = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if place % 2 else escape(piece) for place, piece in enumerate(pieces)
    )


def size(count: int) -> str:
    """A number of bytes for people: '64.5 kB'."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:,} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1000
    raise AssertionError("unreachable")


def _query(**filters: str | None) -> str:
    """The address of the browser with filters set; '' when one of them is not told and cannot be asked for."""
    return "" if None in filters.values() else "#" + urlencode(filters)
