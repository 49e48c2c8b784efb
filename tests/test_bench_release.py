import pytest

from pipeline.bench.releases import bench


@pytest.mark.slow
def test_a_release_is_measured() -> None:
    """On a small corpus every measure comes out; on the way old and delta make new byte for byte."""
    found = bench(8000)

    for step in ("write", "release_tables", "diff", "apply"):
        assert found[step]["cpu_seconds"] >= 0
        assert found[step]["peak_mb"] > 0
    assert 0 < found["delta_share_of_full"] < 1
    assert 0 < found["one_percent_more_reships"] <= 1
    assert found["week_over_http"] is None or found["week_over_http"]["rows"] > 0
