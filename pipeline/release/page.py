"""The quality report as a page of its own: no script, no request, every value as text, for a phone too."""

import base64
import hashlib
from pathlib import Path

from pipeline import schema
from pipeline.check import Report

_TEMPLATES = Path(__file__).parent / "templates"


def page(report: Report, package: str, version: str) -> str:
    """The report as one HTML file that a double click opens."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (_TEMPLATES / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    order = [*schema.TABLES, *sorted({check.table for check in report.checks} - set(schema.TABLES))]
    return environment.get_template("report.html").render(
        title=schema.package()["title"],
        package=package,
        version=version,
        report=report,
        style=Markup(style),
        style_digest=f"sha256-{digest}",
        tables=[(name, [check for check in report.checks if check.table == name]) for name in order],
    )
