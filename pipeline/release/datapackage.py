"""The folder as a Frictionless Data Package (v2).

Each table is listed as Parquet and as CSV. Frictionless 5.21 fails on a right `bytes` of a Parquet table and never
looks at its hash, so a Parquet file is described twice: as a table with its schema, and as a plain file with size and
hash. The CSV resource carries both at once. The copy for spreadsheets is a plain file, for its values are not exact.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import schema
from pipeline.release import manifest

FILE = "datapackage.json"


def descriptor(folder: Path, package: str, version: str) -> str:
    """The text of `datapackage.json` for the data files that already lie in `folder`."""
    about = schema.package()
    resources = []
    for name in schema.TABLES:
        spec = schema.load(name)
        path = f"data/{name}.parquet"
        described = {"title": spec.title, "description": spec.description, "encoding": "utf-8"}
        as_file = {"encoding": "utf-8", "format": "parquet", "mediatype": "application/vnd.apache.parquet"}
        resources += [
            {"name": name, "type": "table", "path": path, **described, **as_file, "schema": _parquet_schema(name)},
            {"name": f"{name}-file", "type": "file", "path": path, **as_file, **_fixity(folder, path)},
        ]
    for name in schema.TABLES:
        path = f"data/csv/{name}.csv"
        resources.append(
            {
                "name": f"{name}-csv",
                "type": "table",
                "path": path,
                "title": f"{schema.load(name).title}, as CSV",
                "description": "The same rows, exactly: a cell may begin with =, +, - or @ and is data, not a formula.",
                "encoding": "utf-8",
                "format": "csv",
                "mediatype": "text/csv",
                "dialect": {"delimiter": ",", "lineTerminator": "\r\n", "quoteChar": '"', "doubleQuote": True},
                "schema": _csv_schema(name),
                **_fixity(folder, path),
            }
        )
    for name in schema.TABLES:
        path = f"data/csv/{name}-excel.csv"
        resources.append(
            {
                "name": f"{name}-excel",
                "type": "file",
                "path": path,
                "title": f"{schema.load(name).title}, as CSV for spreadsheets",
                "description": "The same rows, safe to open in a spreadsheet and not exact: a cell of words that "
                "begins as a formula does has a ' before it. Programs read the other CSV.",
                "encoding": "utf-8",
                "format": "csv",
                "mediatype": "text/csv",
                **_fixity(folder, path),
            }
        )
    package_json = {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": package,
        "title": about["title"],
        "description": about["description"],
        "version": version,
        "licenses": [{"name": about["licence"], "path": about["licence_path"]}],
        "keywords": about["keywords"],
        "resources": resources,
    }
    return json.dumps(package_json, ensure_ascii=False, indent=2) + "\n"


def _parquet_schema(table: str) -> Mapping[str, Any]:
    """The Table Schema of a Parquet resource: Frictionless reads it through pandas, where a null number is a nan."""
    found = {"version": schema.load(table).version, **schema.descriptor(table)}
    for field in found["fields"]:
        if field["type"] in ("integer", "number") and not field.get("constraints", {}).get("required"):
            field["missingValues"] = ["", "nan"]
    return found


def _csv_schema(table: str) -> Mapping[str, Any]:
    """The Table Schema of a CSV resource, whose foreign keys lead to CSV resources."""
    found = schema.descriptor(table)
    for key in found.get("foreignKeys", ()):
        if key["reference"]["resource"]:
            key["reference"]["resource"] += "-csv"
    return found


def _fixity(folder: Path, path: str) -> Mapping[str, Any]:
    return {"bytes": (folder / path).stat().st_size, "hash": f"sha256:{manifest.listed(folder, path)}"}
