"""One row of `speakers` for each speaker over the corpus, and its key in each claim.

Claims stay in Arrow: Python sees each distinct name once (with its outlet or document, where it means others there).
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema
from pipeline.link.acronyms import acronyms
from pipeline.link.aliases import Aliases
from pipeline.link.names import PersonName, capitalised, common, name_key, untitled
from pipeline.link.resolve import Node, Resolved, resolve

_CORPUS, _OUTLET, _DOCUMENT = 0, 1, 2  # within what a name means one speaker
_BATCH = 65_536  # rows of speakers held as Python values at a time
_MARK = "\0merge "  # scope of the claims that a local [[merge]] takes out


def link_speakers(
    documents: pa.Table, texts: pa.Table, claims: pa.Table, aliases: Aliases, version: str
) -> tuple[pa.Table, pa.Table, tuple[str, ...]]:
    """Claims with `speaker`, `speaker_id` and `speaker_kind` as in `speakers`; speakers; what aliases name in vain."""
    said = _said(documents, claims)
    names = _distinct_names(said, aliases)
    said = said.append_column("name", _of(said, names, "plain"))
    said = said.append_column("scope", _scopes(said, documents, names, aliases))
    units = said.group_by(["speaker_kind", "name", "scope"]).aggregate(
        [
            ("row", "count"),
            ("outlet", "distinct"),
            ("speaker_role", "distinct"),
            ("speaker_affiliation", "distinct"),
        ]
    )
    units = units.sort_by([("speaker_kind", "ascending"), ("name", "ascending"), ("scope", "ascending")])
    units = units.append_column("own", _of(units, names, "own", "name"))
    rows, resolved = _resolve(units, texts, aliases)
    group, speakers = _groups(units, rows, resolved)
    which = np.full(claims.num_rows, -1, dtype=np.int64)
    at = pc.index_in(_key(said, "name", "scope"), value_set=_key(units, "name", "scope")).to_numpy()
    said = said.append_column("group", pa.array(group[at]))
    which[said["row"].to_numpy()] = group[at]
    rows_of = pa.array(which, mask=which < 0)
    for name, column in (("speaker", "name"), ("speaker_id", "speaker_id"), ("speaker_kind", "kind")):
        field = schema.arrow("claims").field(name)
        values = speakers[column].combine_chunks().take(rows_of)
        claims = claims.set_column(claims.schema.get_field_index(name), field, values.cast(field.type))
    return claims, _table(said, speakers, version), _in_vain(aliases, documents, units)


def _said(documents: pa.Table, claims: pa.Table) -> pa.Table:
    """What is told of the speaker of each claim that has one; `row` is its row in `claims`."""
    columns = ["document_id", "speaker", "speaker_kind", "speaker_role", "speaker_affiliation"]
    named = pc.if_else(pc.equal(claims["speaker_resolution"], "named"), claims["speaker_text"], None)
    said = claims.select(columns).append_column("form", named)
    said = said.append_column("row", pa.array(np.arange(claims.num_rows)))
    said = said.filter(pc.is_valid(said["speaker"]))
    at = pc.index_in(said["document_id"], value_set=documents["document_id"])
    return said.append_column("outlet", documents["outlet"].take(at)).append_column(
        "source", documents["source"].take(at)
    )


def _key(table: pa.Table, *columns: str) -> pa.ChunkedArray:
    texts = [table["speaker_kind"], *(table[column] for column in columns)]
    return pc.binary_join_element_wise(
        *(text.cast(pa.large_string()) for text in texts), pa.scalar("\0", pa.large_string())
    )


def _distinct_names(said: pa.Table, aliases: Aliases) -> pa.Table:
    """Each (kind, name) once: without titles (`plain`), `within` what it means one speaker, whether it is `own`: to be
    resolved over the corpus.
    """
    distinct = said.group_by(["speaker_kind", "speaker"]).aggregate([])
    asked = {key for merge in aliases.merges for key in merge.keys}
    plain, within, own = [], [], []
    for kind, name in zip(distinct["speaker_kind"].to_pylist(), distinct["speaker"].to_pylist(), strict=True):
        plain.append(untitled(name) if kind == "person" else name)
        within.append(_within(kind, plain[-1]))
        own.append(within[-1] != _DOCUMENT or name_key(plain[-1]) in asked)
    return (
        distinct.append_column("plain", pa.array(plain, type=pa.string()))
        .append_column("within", pa.array(within, type=pa.int8()))
        .append_column("own", pa.array(own, type=pa.bool_()))
    )


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


def _of(table: pa.Table, names: pa.Table, column: str, by: str = "speaker") -> pa.ChunkedArray:
    """A column of `names` for each row of a table, by the name as it stands or, as `name`, without titles."""
    at = pc.index_in(_key(table, by), value_set=_key(names, "plain" if by == "name" else by))
    return names[column].take(at)


def _scopes(said: pa.Table, documents: pa.Table, names: pa.Table, aliases: Aliases) -> pa.ChunkedArray:
    within = _of(said, names, "within")
    outlet = pc.coalesce(said["outlet"], said["document_id"])
    scope = pc.if_else(
        pc.equal(within, _DOCUMENT), said["document_id"], pc.if_else(pc.equal(within, _OUTLET), outlet, "")
    )
    for number, merge in enumerate(aliases.merges):
        if merge.local:
            kept = names.filter(pa.array([name_key(name) in merge.keys for name in names["plain"].to_pylist()]))
            meant = pc.is_in(said["name"], value_set=pc.unique(kept["plain"]))
            for column, values in (("outlet", merge.outlets), ("source", merge.sources)):
                if values:
                    meant = pc.and_(meant, pc.is_in(said[column], value_set=pa.array(values)))
            scope = pc.if_else(meant, f"{_MARK}{number}", scope)
    return scope


def _resolve(units: pa.Table, texts: pa.Table, aliases: Aliases) -> tuple[np.ndarray, Resolved]:
    """The rows of units that are resolved over the corpus, and who they are."""
    mask = pc.or_(units["own"], pc.starts_with(units["scope"], _MARK))
    rows = np.flatnonzero(mask.to_numpy())
    nodes = []
    for batch in units.take(pa.array(rows)).to_batches(max_chunksize=_BATCH):
        for unit in batch.to_pylist():
            kind, name, scope = unit["speaker_kind"], unit["name"], unit["scope"]
            local = scope.startswith(_MARK)
            told = [*unit["speaker_role_distinct"], *unit["speaker_affiliation_distinct"]]
            nodes.append(
                Node(
                    name=name,
                    kind=kind,
                    scope="" if local else scope,
                    bare=not PersonName(name).given if kind == "person" else " " not in name,
                    count=unit["row_count"],
                    outlets=frozenset(unit["outlet_distinct"]) - {None},
                    described=frozenset(
                        word for text in told if text for word in name_key(text).split() if len(word) > 3
                    ),
                    merge=int(scope.removeprefix(_MARK)) if local else None,
                )
            )
    short = {node.name for node in nodes if node.kind == "organisation" and sum(map(str.isupper, node.name)) > 1}
    return rows, resolve(nodes, acronyms(texts, short) if short else {}, aliases)


def _groups(units: pa.Table, rows: np.ndarray, resolved: Resolved) -> tuple[np.ndarray, pa.Table]:
    """For each unit the row of its speaker, and the speakers' names, kinds, scopes and evidence."""
    group = np.full(units.num_rows, -1, dtype=np.int64)
    names = units["name"].to_pylist()
    kinds = units["speaker_kind"].to_pylist()
    scopes = units["scope"].to_pylist()
    counts = units["row_count"].to_pylist()
    found: list[dict[str, Any]] = []
    number: dict[int, int] = {}
    for row, root in zip(rows.tolist(), resolved.roots, strict=False):  # nodes beyond the units have no claims
        at = number.setdefault(root, len(found))
        if at == len(found):
            found.append(
                {
                    "name": resolved.names[root],
                    "kind": resolved.kinds[root],
                    "scope": resolved.scopes[root],
                    "evidence": {},
                }
            )
        group[row] = at
    for node, rule in resolved.why.items():
        if node < len(rows):
            found[number[resolved.roots[node]]]["evidence"][names[rows[node]]] = rule
    # What is of one document meets there under its folded name.
    held: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for row in np.flatnonzero(group < 0).tolist():
        held[kinds[row], name_key(names[row]) or names[row], scopes[row]].append(row)
    for (kind, _, scope), members in held.items():
        best = min(members, key=lambda row: (names[row].isupper(), -counts[row], names[row]))
        group[members] = len(found)
        evidence = {names[row]: "spelling" for row in members if row != best}
        found.append({"name": names[best], "kind": kind, "scope": scope, "evidence": evidence})
    for speaker in found:
        speaker["evidence"].pop(speaker["name"], None)
        speaker["evidence"] = _json(speaker["evidence"])
        parts = [speaker["kind"], speaker["name"].casefold(), *filter(None, [speaker.pop("scope")])]
        speaker["speaker_id"] = "p" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    columns = [(name, pa.string()) for name in ("name", "kind", "evidence", "speaker_id")]
    return group, pa.Table.from_pylist(found, schema=pa.schema(columns))


def _table(said: pa.Table, speakers: pa.Table, version: str) -> pa.Table:
    """The rows of `speakers`, by key."""
    told = said.group_by("group").aggregate(
        [
            ("row", "count"),
            ("document_id", "count_distinct"),
            ("outlet", "count_distinct"),
            ("speaker", "distinct"),
            ("form", "distinct"),
            ("speaker_role", "distinct"),
            ("speaker_affiliation", "distinct"),
        ]
    )
    held = speakers.take(told["group"])
    for name in told.column_names:
        held = held.append_column(f"told_{name}", told[name])
    batches = [schema.empty("speakers")]
    for batch in held.sort_by("speaker_id").to_batches(max_chunksize=_BATCH):
        batches.append(schema.table("speakers", _rows(batch.to_pylist(), version)))
    return pa.concat_tables(batches)


def _rows(held: list[dict[str, Any]], version: str) -> Iterator[dict[str, Any]]:
    for speaker in held:
        forms = {*speaker["told_speaker_distinct"], *speaker["told_form_distinct"]}
        yield {
            "speaker_id": speaker["speaker_id"],
            "name": speaker["name"],
            "kind": speaker["kind"],
            "forms": _json(sorted(forms - {None, ""})),
            "evidence": speaker["evidence"],
            "roles": _json(sorted(filter(None, speaker["told_speaker_role_distinct"]))),
            "affiliations": _json(sorted(filter(None, speaker["told_speaker_affiliation_distinct"]))),
            "claims": speaker["told_row_count"],
            "documents": speaker["told_document_id_count_distinct"],
            "outlets": speaker["told_outlet_count_distinct"],
            "linker": version,
        }


def _json(value: list[str] | dict[str, str]) -> str | None:
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if value else None


def _in_vain(aliases: Aliases, documents: pa.Table, units: pa.Table) -> tuple[str, ...]:
    """What aliases name and no claim has, each told with its place in the file."""
    if not (aliases.merges or aliases.splits):
        return ()
    keys: dict[str, set[str]] = defaultdict(set)
    for name, scope in zip(units["name"].to_pylist(), units["scope"].to_pylist(), strict=True):
        keys[scope if scope.startswith(_MARK) else ""].add(name_key(name))
    outlets, sources = (set(documents[column].to_pylist()) for column in ("outlet", "source"))
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
