"""What all tests share: slow ones last, no network, no time limits inside Hypothesis, two tiny releases."""

import os
from collections.abc import Iterator

import pytest
import tiny
from hypothesis import HealthCheck, settings
from releases import tree

from pipeline.check.built import FRICTIONLESS_ROWS
from pipeline.release import Released, release

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.pop("SOURCE_DATE_EPOCH", None)
settings.register_profile(  # a busy machine is no failing test
    "steady", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fast tests first: a mistake shows within seconds."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> Released:
    """The tiny corpus as release 1.0.0, which nothing may change."""
    output = tmp_path_factory.mktemp("output")
    return release(tiny.tables(tiny.rows()), tiny.report(), output=output, package="tiny", version="auto")


@pytest.fixture(scope="session")
def second(first: Released) -> Released:
    """The next release beside it, which lacks one claim of three and has more speakers than Frictionless reads."""
    rows = tiny.rows()
    del rows["claims"][0]
    rows["speakers"] += [dict(rows["speakers"][0], speaker_id=f"p{n:016x}") for n in range(FRICTIONLESS_ROWS)]
    return release(tiny.tables(rows), tiny.report(), output=first.folder.parents[1], package="tiny", version="auto")


@pytest.fixture(autouse=True)
def _published_stays_as_it_was(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test may change a file of the first release."""
    first = request.getfixturevalue("first") if "first" in request.fixturenames else None
    before = tree(first.folder) if first else None
    yield
    assert before == (tree(first.folder) if first else None)
