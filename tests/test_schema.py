"""schemas/*.json and what is computed from them."""

import datetime
import json
import re
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline import schema
from pipeline.errors import SchemaError

ROOT = Path(__file__).parent.parent


def _changed(tmp_path: Path, table: str, change) -> Path:
    path = tmp_path / f"{table}.json"
    shutil.copy(schema.FOLDER / path.name, path)
    raw = json.loads(path.read_text(encoding="utf-8"))
    change(raw)
    path.write_text(json.dumps(raw), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda raw: raw.update(desciption="x"), "desciption"),
        (lambda raw: raw["fields"][0].update(tittle="x"), "fields.stance_id.tittle"),
        (lambda raw: raw["fields"][0]["constraints"].update(minimun=1), "fields.stance_id.constraints.minimun"),
        (lambda raw: raw["fields"][0]["constraints"].update(minimum=1), "fields.stance_id.constraints.minimum"),
        (lambda raw: raw["fields"][0].update(type="text"), "type is 'text'"),
        (lambda raw: raw["fields"][4]["categories"][0].update(lable="x"), "fields.target_kind.categories.lable"),
        (lambda raw: raw["fields"][0]["constraints"].update(pattern="("), "fields.stance_id.constraints.pattern"),
        (lambda raw: raw["expectations"][0]["kwargs"].update(column_A="scoer"), "scoer"),
        (lambda raw: raw.update(primaryKey=["id"]), "primaryKey"),
        (lambda raw: raw.pop("version"), "version"),
    ],
)
def test_a_misspelt_key_is_an_error_that_names_file_and_key(tmp_path, change, named):
    """Whatever is wrong in a schema file is said with the file and the key."""
    path = _changed(tmp_path, "stances", change)

    with pytest.raises(SchemaError, match=re.escape(named)) as caught:
        schema.read(path)

    assert str(path) in str(caught.value)


def test_a_schema_that_is_no_json_names_file_and_line(tmp_path):
    """A broken schema file is said with its line."""
    path = tmp_path / "claims.json"
    path.write_text('{\n "title": }', encoding="utf-8")

    with pytest.raises(SchemaError, match=r"claims\.json:2:11"):
        schema.read(path)


SPEAKER = {
    "speaker_id": "p0123456789abcdef",
    "name": "Irena Solt",
    "kind": "person",
    "forms": '["Irena Solt"]',
    "evidence": None,
    "roles": None,
    "affiliations": None,
    "claims": 1,
    "documents": 1,
    "outlets": 0,
    "linker": "link/1",
}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"nmae": "x"}, "nmae"),
        ({"name": None}, "null in name"),
        ({"claims": 1.0}, "1.0 in claims"),
        ({"claims": True}, "True in claims"),
        ({"name": datetime.date(2024, 4, 12)}, "in name is no string"),
    ],
)
def test_rows_that_do_not_fit_their_schema_are_refused(change, named):
    """A stage cannot give an unknown column, a null in a required one, or a value of another type."""
    with pytest.raises(SchemaError, match=re.escape(named)):
        schema.table("speakers", [SPEAKER | change])


def test_a_missing_column_is_refused():
    """A stage must give every column, if only as null."""
    row = dict(SPEAKER)
    del row["roles"]

    with pytest.raises(SchemaError, match="lacks \\['roles'\\]"):
        schema.table("speakers", [row])


@pytest.mark.parametrize("name", schema.TABLES)
def test_all_that_is_computed_from_a_schema_names_the_same_columns_and_labels(name):
    """Arrow schema, descriptor, ClassLabels and documentation agree, in order."""
    columns = schema.arrow(name).names
    features = schema.features(name)
    fields = schema.descriptor(name)["fields"]

    assert [feature["name"] for feature in features] == columns
    assert [field["name"] for field in fields] == columns
    for field, feature in zip(fields, features, strict=True):
        labels = field.get("constraints", {}).get("enum")
        if labels is not None:
            assert list(feature["dtype"]["class_label"]["names"].values()) == labels
        assert f"| `{field['name']}` |" in schema.markdown(name)


def test_types_are_flat():
    """No list, map, struct or dictionary column: every reader takes the tables without tricks."""
    plain = {pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.date32()}

    assert {field.type for name in schema.TABLES for field in schema.arrow(name)} <= plain


def test_the_readme_shows_the_tables_as_the_schemas_describe_them():
    """`make docs` has been run since the schemas last changed."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")

    assert schema.documented(page) == page


def test_the_readme_names_every_make_target_it_uses():
    """No command in the README is out of date."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    used = set(re.findall(r"`?make ([a-z]+)\b", (ROOT / "README.md").read_text(encoding="utf-8")))

    assert used - targets == set()
