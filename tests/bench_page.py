"""The page of 100,000 claims, measured in Chromium: `python tests/bench_page.py`, with a bundled script (`make page`).

Seconds from the address to the first list and to the first answer of a search; the processor seconds of the page until
that answer, beside those that DuckDB takes on one thread for the columns that the search reads; the longest time that
the page could not answer a key, as it passed and in processor time, which hangs less on what else the machine does.
"""

import gzip
import json
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
from served import serving
from test_browser import CHROMIUM, expect, publish, sync_api

from pipeline.release import made_up, page

WATCH = """window.longest = 0
new PerformanceObserver(list => list.getEntries().forEach(task => { longest = Math.max(longest, task.duration) }))
  .observe({type: 'longtask', buffered: true})"""


def measure(claims: int) -> dict[str, float]:
    """The figures for a made-up corpus of so many claims."""
    with tempfile.TemporaryDirectory() as folder:
        built = publish(Path(folder), "many", made_up.corpus(claims))
        path = built / "data" / "claims.parquet"
        start = time.process_time()
        with duckdb.connect(config={"threads": 1}) as connection:
            text = connection.sql(f"SELECT claim_id, text, speaker, outlet, date_start FROM '{path}'").fetchall()[7][1]
        read = time.process_time() - start
        word = text.split()[2]
        with serving(Path(folder)) as address, sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            tab = browser.new_page()
            tab.add_init_script(WATCH)
            start = time.perf_counter()
            tab.goto(f"{address}/many/1.0.0/")
            expect(tab.locator("#count")).to_have_text(f"{claims:,} of {claims:,} claims", timeout=120_000)
            listed = time.perf_counter() - start
            longest = tab.evaluate("longest")
            tab.goto("about:blank")
            devtools = tab.context.new_cdp_session(tab)
            devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
            start = time.perf_counter()
            tab.goto(f"{address}/many/1.0.0/#q={word}")
            expect(tab.locator("#count")).to_have_text(re.compile(rf"^[0-9,]+ of {claims:,}"), timeout=120_000)
            answered = time.perf_counter() - start
            longest = max(longest, tab.evaluate("longest"))
            told = {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}
            longest_cpu = _longest_cpu(browser, tab, f"{address}/many/1.0.0/#q={word}", claims)
            browser.close()
        return {
            "claims": claims,
            "parquet_bytes": path.stat().st_size,
            "script_bytes_gzipped": len(gzip.compress(page.browser().encode(), 9)),
            "list_s": round(listed, 2),
            "search_s": round(answered, 2),
            "search_cpu_s": round(told["TaskDuration"], 2),
            "duckdb_cpu_s": round(read, 2),
            "ratio": round(told["TaskDuration"] / read, 1),
            "longest_task_ms": round(longest),
            "longest_task_cpu_ms": round(longest_cpu),
        }


def _longest_cpu(browser: Any, tab: Any, address: str, claims: int) -> float:
    """Milliseconds of processor time of the longest task of the page's own thread, up to the answer of a search."""
    tab.goto("about:blank")
    browser.start_tracing(page=tab, categories=["toplevel", "disabled-by-default-devtools.timeline"])
    tab.goto(address)
    expect(tab.locator("#count")).to_have_text(re.compile(rf"^[0-9,]+ of {claims:,}"), timeout=120_000)
    tab.wait_for_timeout(3_000)  # what follows the answer: the keys of the claims
    events = json.loads(browser.stop_tracing())["traceEvents"]
    main = {(one["pid"], one["tid"]) for one in events if one.get("args", {}).get("name") == "CrRendererMain"}
    return max(one["tdur"] / 1000 for one in events if (one["pid"], one["tid"]) in main and "tdur" in one)


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000), indent=1))
