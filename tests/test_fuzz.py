"""A thousand inputs of any bytes, in every run of the tests; a hundred thousand by `python -m tests.fuzz 100000`."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import fuzz
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

RUNS = 1000
_SEEDS = [
    b"\x01PORT ILSE, May 3 (TW) - The quay was closed, \xe2\x80\x9cfor good,\xe2\x80\x9d Ada Quill said.",
    b"\x04<html><title>A</title><p>" + b"The quay was closed on Monday. " * 20 + b"</p></html>",
    b'\x07{"text": "The quay \\u201cshut\\u201d.", "published": "2031-05-04"}',
    b"\x0bWARC/1.0\r\nWARC-Type: conversion\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nTide.\r\n\r\n",
    b"\x03 \x10\x40\x80\xa0 The ferry left at noon.",
]


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
def test_no_input_that_coverage_leads_to_breaks_a_promise(tmp_path: Path) -> None:
    """Atheris finds no crash, no hang, no lost row and no span that leads astray in a thousand tries."""
    for number, seed in enumerate(_SEEDS):
        (tmp_path / str(number)).write_bytes(seed)
    code = f"import fuzz, pathlib; fuzz.main({RUNS}, 1, pathlib.Path({str(tmp_path)!r}))"
    here = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": f"{here}{os.pathsep}{here.parent}"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, errors="replace"
    )

    assert done.returncode == 0, done.stderr[-3000:]
    assert f"stat::number_of_executed_units: {RUNS}" in done.stderr


@pytest.mark.skipif(importlib.util.find_spec("atheris") is not None, reason="atheris tries more")
@settings(max_examples=RUNS, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.one_of(st.binary(max_size=500), st.sampled_from(_SEEDS)), st.binary(max_size=20), st.integers(0, 300))
def test_no_bytes_break_a_promise(data: bytes, noise: bytes, place: int) -> None:
    """No crash, no hang, no lost row and no span that leads astray, without the help of coverage."""
    fuzz.check(data[:place] + noise + data[place:])
