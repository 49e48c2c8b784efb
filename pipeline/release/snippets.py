"""Code that loads a release, to copy: the same in the card and on the page, and run by the tests."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Snippet:
    """A few lines of code with the name of what runs them and the language for readers that colour it."""

    title: str
    language: str
    code: str


def snippets(package: str, version: str) -> tuple[Snippet, ...]:
    """One for each kind of reader; paths as seen from beside `output/`."""
    folder = f"output/{package}/{version}"
    claims = f"{folder}/data/claims.parquet"
    return (
        Snippet(
            "datasets",
            "python",
            "from datasets import load_dataset\n\n"
            f'claims = load_dataset("{folder}", "claims", split="train")\n'
            'names = claims.features["claim_type"].names  # labels are integers here and words in every other reader',
        ),
        Snippet("pandas", "python", f'import pandas as pd\n\nclaims = pd.read_parquet("{claims}")'),
        Snippet("polars", "python", f'import polars as pl\n\nclaims = pl.read_parquet("{claims}")'),
        Snippet(
            "DuckDB",
            "sql",
            "-- who is quoted most, by how many outlets\n"
            "SELECT speaker, count(*) AS claims, count(DISTINCT outlet) AS outlets\n"
            f"FROM '{claims}'\n"
            "WHERE voice = 'attributed' AND speaker IS NOT NULL\n"
            "GROUP BY speaker ORDER BY claims DESC, speaker;",
        ),
        Snippet("R", "r", f'claims <- arrow::read_parquet("{claims}")'),
        Snippet("Check it", "sh", f"cd {folder}\nsha256sum -c manifest-sha256.txt tagmanifest-sha256.txt"),
    )
