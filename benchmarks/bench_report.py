"""The report in headless Chromium: seconds until it is ready, and for sorting, filtering and opening a card.

python benchmarks/bench_report.py STUDY/report/index.html [--repeats 5]
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--no-sandbox"]
FLAGS += ["--disable-renderer-backgrounding"]

ACTIONS = {
    "sort the runs by loss": "document.querySelector('#table-runs thead th:nth-child(4) button').click()",
    "filter the runs": """const input = document.querySelector('#table-runs .filter');
        input.value = 'local'; input.dispatchEvent(new Event('input'))""",
    "open a card": "report.show(0)",
}


def timed(page: Page, action: str) -> float:
    """Milliseconds of an action, up to the next frame."""
    return float(
        page.evaluate(
            "(action) => new Promise(done => { const began = performance.now(); new Function(action)();"
            " requestAnimationFrame(() => setTimeout(() => done(performance.now() - began))) })",
            action,
        )
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    seconds: dict[str, list[float]] = {"ready": [], **{name: [] for name in ACTIONS}}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        for _ in range(arguments.repeats):
            page = browser.new_context(offline=True, viewport={"width": 1280, "height": 900}).new_page()
            page.goto(arguments.page.resolve().as_uri())
            page.wait_for_selector("html[data-ready]")
            seconds["ready"].append(float(page.evaluate("report.ready")))
            runs = page.evaluate("document.getElementById('chart').data.reduce((n, trace) => n + trace.x.length, 0)")
            for name, action in ACTIONS.items():
                seconds[name].append(timed(page, action))
            page.context.close()
        browser.close()
    print(f"{runs} runs, {arguments.page.stat().st_size / 1e6:.1f} MB")
    for name, values in seconds.items():
        print(f"{name}: min {min(values):.0f} ms, median {statistics.median(values):.0f} ms")


if __name__ == "__main__":
    main()
