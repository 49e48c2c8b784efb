"""The quality report of a release, as a page and for machines."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import tiny
from markupsafe import escape

from pipeline import check
from pipeline.release import Released, page


class Page(HTMLParser):
    """What a browser would make of a page: tags, addresses it would ask for, the policy and the style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.policy = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append(tag)
        held = dict(attrs)
        self.addresses += [held[name] or "" for name in ("src", "href", "action") if name in held]
        if held.get("http-equiv") == "Content-Security-Policy":
            self.policy = held["content"] or ""


def test_the_quality_page_runs_and_asks_for_nothing(first: Released) -> None:
    """No script, no address, a policy that allows nothing but the page's own style; every check is on it."""
    text = (first.folder / "quality" / "report.html").read_text(encoding="utf-8")
    seen = Page(text)
    style = re.search("<style>(.*?)</style>", text, re.DOTALL)

    assert style
    assert not {"script", "link", "img", "iframe"} & set(seen.tags)
    assert seen.addresses == []
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'" == seen.policy
    assert len(first.report.checks) == text.count('class="good">passed')


@pytest.mark.parametrize(
    "evil", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}</style>", "&lt;b&gt;"]
)
def test_the_quality_page_shows_values_as_text(evil: str) -> None:
    """Whatever stands in a bad row is shown and never becomes part of the page."""
    failure = check.Failure("claims", evil, "a check", evil, evil)
    clean = replace(
        tiny.report(),
        checks=(check.Check("a check", "claims", 3, 1, (replace(failure, key="k", value="v", message="m"),)),),
    )
    bad = replace(clean, checks=(check.Check("a check", "claims", 3, 1, (failure,)),))
    text = page.quality(bad, "tiny", "1.0.0")

    assert Page(page.quality(clean, "tiny", "1.0.0")).tags == Page(text).tags
    assert evil not in text
    assert str(escape(evil)) in text
    assert "1 of 1 checks failed" in text


def test_report_json_is_the_report(first: Released) -> None:
    """quality/report.json holds the checks of the tables and those of the package's bytes."""
    told = json.loads((first.folder / "quality" / "report.json").read_text(encoding="utf-8"))
    names = {one["name"] for one in told["checks"]}

    assert told["ok"]
    assert {"keys are unique", "frictionless validate", "withheld texts are absent"} <= names
