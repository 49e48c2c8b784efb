"""One row of `speakers` for each speaker over the corpus, and its key in each claim.

Claims stay in the engine: Python sees each distinct name once (with its outlet, where it means others there).
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa

from pipeline import schema
from pipeline.corpus import Corpus, quoted
from pipeline.link.acronyms import acronyms
from pipeline.link.aliases import Aliases
from pipeline.link.names import PersonName, capitalised, common, name_key, untitled
from pipeline.link.resolve import Node, Resolved, resolve

_CORPUS, _OUTLET, _DOCUMENT = 0, 1, 2  # within what a name means one speaker
_BATCH = 1_000  # rows of speakers held as Python values at a time
_MARK = "\x01merge "  # scope of the claims that a local [[merge]] takes out
_TEXTS = pa.schema([("document_id", pa.string()), ("text", pa.string())])
_TEXT_BATCH = 500
_NAMES = pa.schema(
    [
        *((name, pa.string()) for name in ("speaker_kind", "speaker", "plain")),
        ("within", pa.int64()),
        ("own", pa.bool_()),
        *((name, pa.string()) for name in ("folded", "casefolded")),
        ("capitals", pa.bool_()),
    ]
)
_WHO = pa.schema(
    [(name, pa.string()) for name in ("speaker_kind", "name", "scope", "speaker_id", "known_as", "kind", "evidence")]
)


def find_speakers(corpus: Corpus, aliases: Aliases) -> tuple[str, ...]:
    """Make the table `named` (document_id, speaker_kind, speaker; speaker_id, name, kind, evidence, others) beside the
    claims; what the aliases name in vain.

    Each name of a document has a row, with the speaker that it means there: `evidence` is JSON of the forms that other
    rules joined, `others` a list of those that are spelled alike.
    """
    asked = {key for merge in aliases.merges for key in merge.keys}
    distinct = corpus.rows("SELECT DISTINCT speaker_kind, speaker FROM claims WHERE speaker IS NOT NULL ORDER BY ALL")
    names = [_name(kind, speaker, asked) for kind, speaker in distinct]
    corpus.hold("names", _table(names, _NAMES))
    corpus.execute(
        "CREATE OR REPLACE TABLE said AS SELECT c.document_id, c.speaker, c.speaker_kind, c.speaker_role AS role, "
        "c.speaker_affiliation AS affiliation, CASE c.speaker_resolution WHEN 'named' THEN c.speaker_text END AS form, "
        f"d.outlet, n.plain AS name, n.folded, n.casefolded, n.capitals, {_scope(names, aliases)} AS scope, "
        f"n.own OR starts_with(scope, '{_MARK}') AS resolved "
        "FROM claims c JOIN names n ON c.speaker = n.speaker AND c.speaker_kind = n.speaker_kind "
        "LEFT JOIN documents d ON c.document_id = d.document_id"
    )
    corpus.hold("who", _table(_own(corpus, aliases), _WHO))
    best = "arg_min({name: name, casefolded: casefolded}, {capitals: capitals, less: -number, name: name})"
    corpus.execute(  # what is of one document meets there under its folded name
        "CREATE OR REPLACE TABLE alike AS SELECT speaker_kind, folded, scope, best.name AS known_as, list_sort("
        "list_filter(forms, lambda form: form <> best.name)) AS others, 'p' || left(sha256(array_to_string("
        "[speaker_kind, best.casefolded, scope], chr(0))), 16) AS speaker_id "
        f"FROM (SELECT speaker_kind, folded, scope, {best} AS best, list(name) AS forms FROM (SELECT speaker_kind, "
        "folded, scope, name, casefolded, capitals, count(*) AS number FROM said WHERE NOT resolved GROUP BY ALL) "
        "GROUP BY ALL)"
    )
    corpus.execute(
        "CREATE OR REPLACE TABLE named AS SELECT DISTINCT s.document_id, s.speaker_kind, s.speaker, "
        "coalesce(w.speaker_id, a.speaker_id) AS speaker_id, coalesce(w.known_as, a.known_as) AS name, "
        "coalesce(w.kind, s.speaker_kind) AS kind, w.evidence, a.others FROM said s "
        "LEFT JOIN who w ON s.speaker_kind = w.speaker_kind AND s.name = w.name AND s.scope = w.scope "
        "LEFT JOIN alike a ON s.speaker_kind = a.speaker_kind AND s.scope = a.scope "
        "AND CASE WHEN NOT s.resolved THEN s.folded END = a.folded"  # but for an equality, all pairs are compared
    )
    corpus.execute("DROP TABLE alike")
    return _in_vain(aliases, corpus)


def speakers(corpus: Corpus, version: str) -> Iterator[pa.RecordBatch]:
    """The rows of `speakers` by key, from what `find_speakers` made.

    The engine counts, and sorts the words: a list of distinct values, as SQL would make it, does not spill to disk.
    """
    whose = (
        "FROM said s JOIN named n ON s.document_id = n.document_id AND s.speaker_kind = n.speaker_kind "
        "AND s.speaker = n.speaker"
    )
    corpus.execute(
        "CREATE OR REPLACE TABLE spoken AS SELECT speaker_id, min(name) AS name, min(kind) AS kind, "
        "min(evidence) AS evidence, min(others) AS others, sum(claims) AS claims, count(*) AS documents, "
        "count(DISTINCT outlet) AS outlets FROM (SELECT n.speaker_id, s.document_id, min(n.name) AS name, "
        "min(n.kind) AS kind, min(n.evidence) AS evidence, min(n.others) AS others, count(*) AS claims, "
        f"min(s.outlet) AS outlet {whose} GROUP BY ALL) GROUP BY speaker_id"
    )
    corpus.execute(
        "CREATE OR REPLACE TABLE worded AS SELECT DISTINCT n.speaker_id, s.speaker, s.form, s.role, s.affiliation "
        f"{whose} ORDER BY speaker_id"
    )
    words = groupby(corpus.rows("FROM worded"), key=itemgetter(0))
    held: list[tuple[Any, ...]] = []
    for row, (_, told) in zip(corpus.rows("FROM spoken ORDER BY speaker_id"), words, strict=True):
        _, said, forms, roles, affiliations = zip(*told, strict=True)
        held.append((*row, {*said, *forms}, set(roles), set(affiliations)))
        if len(held) == _BATCH:
            yield from schema.table("speakers", _rows(held, version)).to_batches()
            held = []
    yield from schema.table("speakers", _rows(held, version)).to_batches()
    for table in ("spoken", "worded"):
        corpus.execute(f"DROP TABLE {table}")


def _rows(held: list[tuple[Any, ...]], version: str) -> Iterator[dict[str, Any]]:
    for key, name, kind, evidence, others, claims, documents, outlets, forms, roles, affiliations in held:
        yield {
            "speaker_id": key,
            "name": name,
            "kind": kind,
            "forms": _json(sorted(forms - {None, ""})),
            "evidence": evidence or _json(dict.fromkeys(others or (), "spelling")),
            "roles": _json(sorted(roles - {None, ""})),
            "affiliations": _json(sorted(affiliations - {None, ""})),
            "claims": claims,
            "documents": documents,
            "outlets": outlets,
            "linker": version,
        }


def _table(rows: list[tuple[Any, ...]], columns: pa.Schema) -> pa.Table:
    arrays = zip(*rows, strict=True) if rows else [()] * len(columns)
    return pa.table([pa.array(values, field.type) for values, field in zip(arrays, columns, strict=True)], columns)


def _name(kind: str, speaker: str, asked: set[str]) -> tuple[Any, ...]:
    """A row of `names`: without titles (`plain`), `within` what it means one speaker, whether it is `own`: to be
    resolved over the corpus; how it compares with others of its document.
    """
    plain = untitled(speaker) if kind == "person" else speaker
    within, key = _within(kind, plain), name_key(plain)
    own = within != _DOCUMENT or key in asked
    return kind, speaker, plain, within, own, key or plain, plain.casefold(), plain.isupper()


def _within(kind: str, name: str) -> int:
    """Groups, documents and anonymous sources are others in each document, and so is what is named by common nouns;
    written as a proper name, that is one in an outlet. A single word may be short for others in each outlet.
    """
    if kind == "organisation":
        if common(name):
            return _OUTLET if capitalised(name) else _DOCUMENT
        return _CORPUS if " " in name else _OUTLET
    if kind == "person":
        return _CORPUS if PersonName(name).given else _OUTLET
    return _DOCUMENT


def _scope(names: list[tuple[Any, ...]], aliases: Aliases) -> str:
    """The scope of a claim `c` with its document `d` and its name `n`, in SQL: the last alias that means it wins."""
    cases = []
    for number, merge in enumerate(aliases.merges):
        if merge.local:
            plains = sorted({name[2] for name in names if name_key(name[2]) in merge.keys})
            meant = [("n.plain", plains), *(("d.outlet", merge.outlets),) * bool(merge.outlets)]
            meant += [("d.source", merge.sources)] * bool(merge.sources)
            condition = " AND ".join(f"{column} IN ({', '.join(map(quoted, told))})" for column, told in meant if told)
            if plains:
                cases.append(f"WHEN {condition} THEN '{_MARK}{number}'")
    cases.append(f"WHEN n.within = {_DOCUMENT} THEN c.document_id")
    cases.append(f"WHEN n.within = {_OUTLET} THEN coalesce(d.outlet, c.document_id)")
    return f"CASE {' '.join([*cases[:-2][::-1], *cases[-2:]])} ELSE '' END"


def _own(corpus: Corpus, aliases: Aliases) -> list[tuple[Any, ...]]:
    """Rows of `who`: the names that are resolved over the corpus, and who they are."""
    units = list(
        corpus.rows(
            "SELECT speaker_kind, name, scope, count(*), list(DISTINCT outlet), list(DISTINCT role), "
            "list(DISTINCT affiliation) FROM said WHERE resolved GROUP BY ALL ORDER BY speaker_kind, name, scope"
        )
    )
    nodes = [_node(*unit) for unit in units]
    short = {node.name for node in nodes if node.kind == "organisation" and sum(map(str.isupper, node.name)) > 1}
    texts = corpus.batches("SELECT document_id, text FROM texts", _TEXTS, _TEXT_BATCH) if short else ()
    resolved = resolve(nodes, acronyms(texts, short), aliases)
    evidence = _evidence(units, resolved)
    found = []
    for (kind, name, scope, *_), root in zip(units, resolved.roots, strict=False):  # nodes beyond have no claims
        known_as, is_kind = resolved.names[root], resolved.kinds[root]
        parts = [is_kind, known_as.casefold(), *filter(None, [resolved.scopes[root]])]
        key = "p" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
        told = _json({form: rule for form, rule in evidence[root].items() if form != known_as})
        found.append((kind, name, scope, key, known_as, is_kind, told))
    return found


def _node(
    kind: str, name: str, scope: str, count: int, outlets: list[str], roles: list[str], affiliations: list[str]
) -> Node:
    local = scope.startswith(_MARK)
    told = [*(roles or ()), *(affiliations or ())]
    return Node(
        name=name,
        kind=kind,
        scope="" if local else scope,
        bare=not PersonName(name).given if kind == "person" else " " not in name,
        count=count,
        outlets=frozenset(outlets or ()) - {None},
        described=frozenset(word for text in told if text for word in name_key(text).split() if len(word) > 3),
        merge=int(scope.removeprefix(_MARK)) if local else None,
    )


def _evidence(units: list[tuple[Any, ...]], resolved: Resolved) -> dict[int, dict[str, str]]:
    """Root -> form -> the rule that joined it."""
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for node, rule in resolved.why.items():
        if node < len(units):
            found[resolved.roots[node]][units[node][1]] = rule
    return found


def _json(value: list[str] | dict[str, str]) -> str | None:
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if value else None


def _in_vain(aliases: Aliases, corpus: Corpus) -> tuple[str, ...]:
    """What aliases name and no claim has, each told with its place in the file."""
    if not (aliases.merges or aliases.splits):
        return ()
    keys: dict[str, set[str]] = defaultdict(set)
    marked = f"CASE WHEN starts_with(scope, '{_MARK}') THEN scope ELSE '' END"
    for name, scope in corpus.rows(f"SELECT DISTINCT name, {marked} FROM said"):
        keys[scope].add(name_key(name))
    outlets, sources = (
        {value for (value,) in corpus.rows(f"SELECT DISTINCT {column} FROM documents")}
        for column in ("outlet", "source")
    )
    found = []
    for number, merge in enumerate(aliases.merges):
        where = f"[[merge]] {number + 1}"
        known = keys[f"{_MARK}{number}" if merge.local else ""]
        found += [f"{where}: no claim of {form!r}" for form in merge.forms if merge.key(form) not in known]
        found += [f"{where}: no outlet {name!r}" for name in merge.outlets if name not in outlets]
        found += [f"{where}: no document {name!r}" for name in merge.sources if name not in sources]
    for number, names in enumerate(aliases.splits, start=1):
        found += [f"[[split]] {number}: no claim of {name!r}" for name in names if name_key(name) not in keys[""]]
    return tuple(found)
