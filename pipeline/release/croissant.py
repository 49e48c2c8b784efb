"""The folder as a Croissant 1.1 dataset: files with their digests, and the tables in them as record sets.

Paths are relative, so a reader of the folder needs no network. mlcroissant (1.1.1) follows none when it loads the
descriptor by its address, so a push to a known address puts one with addresses beside the packages. The definitions of
labels stand in the description of their field, and foreign keys in datapackage.json only: Croissant's `references` make
a reader join the tables, and a null key loses its row. `datePublished` is left out on purpose: a release does not tell
when it was built.
"""

import json
from pathlib import Path
from typing import Any

from pipeline import schema
from pipeline.release import manifest

FILE = "croissant.json"

_DATA_TYPES = {
    "string": "sc:Text",
    "integer": "sc:Integer",
    "number": "sc:Float",
    "boolean": "sc:Boolean",
    "date": "sc:Date",
}
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def descriptor(built: Path, package: str, version: str) -> str:
    """The text of `croissant.json` for the data files that already lie in `built`."""
    about = schema.package()
    files = [_file(built, name, f"data/{name}.parquet", "application/x-parquet") for name in schema.TABLES]
    files += [_file(built, f"{name}-csv", f"data/csv/{name}.csv", "text/csv") for name in schema.TABLES]
    files += [_file(built, f"{name}-excel", f"data/csv/{name}-excel.csv", "text/csv") for name in schema.TABLES]
    described = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": package,
        "alternateName": about["title"],
        "description": about["description"],
        "version": version,
        "license": about["licence_path"],
        "keywords": about["keywords"],
        "citeAs": f"{about['title']}: {package}, version {version}",
        "isLiveDataset": False,
        "distribution": files,
        "recordSet": [_records(name) for name in schema.TABLES],
    }
    return json.dumps(described, ensure_ascii=False, indent=2) + "\n"


def name_at_address(package: str, version: str) -> str:
    """The file beside the packages that holds the descriptor of a release with addresses."""
    return f"croissant/{package}-{version}.json"


def with_addresses(release: Path, address: str) -> str:
    """The descriptor of a release with the address of each file; `address` is that of the release's folder."""
    described = json.loads((release / FILE).read_bytes())
    described["url"] = f"{address}/index.html"
    for file in described["distribution"]:
        file["contentUrl"] = f"{address}/{file['contentUrl']}"
    return json.dumps(described, ensure_ascii=False, indent=2) + "\n"


def _file(built: Path, identifier: str, path: str, media: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": f"{identifier}-file",
        "name": path.rsplit("/", 1)[-1],
        "contentUrl": path,
        "encodingFormat": media,
        "contentSize": f"{(built / path).stat().st_size} B",
        "sha256": manifest.listed(built, path),
    }


def _records(name: str) -> dict[str, Any]:
    table = schema.load(name)
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": table.description,
        "key": {"@id": f"{name}/{table.primary_key}"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{field.name}",
                "name": field.name,
                "description": _described(field),
                "dataType": _DATA_TYPES[field.type],
                "source": {"fileObject": {"@id": f"{name}-file"}, "extract": {"column": field.name}},
            }
            for field in table.fields
        ],
    }


def _described(field: schema.Field) -> str:
    if not field.categories:
        return field.description
    return f"{field.description} Labels: {'; '.join(f'{value} ({label})' for value, label in field.categories)}."
