"""What search engines and catalogues read of a page: schema.org and DCAT, as JSON-LD."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline import schema

_CONTEXT = {
    "@vocab": "https://schema.org/",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "spdx": "http://spdx.org/rdf/terms#",
}
_MEDIA = {"parquet": "application/vnd.apache.parquet", "csv": "text/csv"}


def release(
    package: str,
    version: str,
    files: Sequence[Mapping[str, Any]],
    days: tuple[str, str] | None,
    languages: Sequence[str],
) -> dict[str, Any]:
    """A release as a schema.org Dataset that is a dcat:Dataset too.

    Args:
        package: its name.
        version: 'X.Y.Z'.
        files: the data files as {path, bytes, sha256, title}.
        days: first and last day of publication of its documents; None when none is dated.
        languages: BCP 47 codes of its documents.
    """
    about = schema.package()
    found = {
        "@context": _CONTEXT,
        "@type": ["Dataset", "dcat:Dataset"],
        "name": f"{about['title']}: {package}",
        "description": about["description"],
        "identifier": f"{package}@{version}",
        "version": version,
        "dcat:version": version,
        "license": about["licence_path"],
        "dct:license": {"@id": about["licence_path"]},
        "keywords": about["keywords"],
        "isAccessibleForFree": True,
        "inLanguage": list(languages),
        "variableMeasured": [
            {"@type": "PropertyValue", "name": field.name, "description": field.description}
            for field in schema.load("claims").fields
        ],
        "distribution": [_file(file) for file in files],
        "dcat:distribution": [{"@id": file["path"]} for file in files],
    }
    if days:
        found["temporalCoverage"] = "/".join(days)
    return found


def _file(file: Mapping[str, Any]) -> dict[str, Any]:
    media = _MEDIA[file["path"].rpartition(".")[2]]
    return {
        "@type": ["DataDownload", "dcat:Distribution"],
        "@id": file["path"],
        "name": file["title"],
        "contentUrl": file["path"],
        "dcat:downloadURL": {"@id": file["path"]},
        "encodingFormat": media,
        "dcat:mediaType": media,
        "contentSize": f"{file['bytes']} B",
        "dcat:byteSize": file["bytes"],
        "sha256": file["sha256"],
        "spdx:checksum": {
            "@type": "spdx:Checksum",
            "spdx:algorithm": {"@id": "spdx:checksumAlgorithm_sha256"},
            "spdx:checksumValue": file["sha256"],
        },
    }


def catalogue(packages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All packages as a schema.org DataCatalog that is a dcat:Catalog too; `packages` are parsed versions.json."""
    releases = [
        {
            "@type": ["Dataset", "dcat:Dataset"],
            "@id": f"{package['package']}/{entry['version']}/",
            "name": f"{package['title']}: {package['package']}",
            "version": entry["version"],
            "url": f"{package['package']}/{entry['version']}/index.html",
        }
        for package in packages
        for entry in package["versions"]
        if entry["status"] == "active"
    ]
    return {
        "@context": _CONTEXT,
        "@type": ["DataCatalog", "dcat:Catalog"],
        "name": schema.package()["title"],
        "dataset": releases,
        "dcat:dataset": [{"@id": entry["@id"]} for entry in releases],
    }
