"""Superset as ``make superset`` starts it, spoken to through its REST API and looked at in Debian's Chromium."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = ROOT / ".venv-superset/bin/python"
PAGE = "superset/dashboard/business/?standalone=1"
STARTED = 300  # seconds until it must answer; its own database is made in them


class Superset:
    """A server of its own over one home, and a user who has logged in."""

    def __init__(self, home: Path):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self.log = home / "superset.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [PYTHON, "bi/superset/start.py", "--port", str(port)],
                cwd=ROOT, env={**os.environ, "NIGHTSHIFT_HOME": str(home)}, stdout=log, stderr=log,
            )  # fmt: skip
        end = time.monotonic() + STARTED
        while not self._answers():
            assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()[-3000:]
            time.sleep(1)
        self.password = (home / "superset/password").read_text()
        self.log_in()

    def log_in(self) -> None:
        """A session, as a browser has one: whoever writes shows the token that belongs to it. It lasts 15 minutes."""
        user = {"username": "admin", "password": self.password, "provider": "db", "refresh": True}
        self.session = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        self.headers = {"Content-Type": "application/json"}
        self.headers["Authorization"] = f"Bearer {self.ask('security/login', user)['access_token']}"
        self.headers["X-CSRFToken"] = self.ask("security/csrf_token/")["result"]

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.address}/health", timeout=2)
        except OSError:
            return False
        return True

    def ask(self, path: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:
        """What the API answers; a refusal says what it said."""
        request = urllib.request.Request(
            f"{self.address}/api/v1/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers=self.headers,
        )
        try:
            with self.session.open(request, timeout=300) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            raise AssertionError(f"{path}: {refusal.code} {refusal.read().decode()[:2000]}") from None

    def query(self, dataset: int, **query: Any) -> list[dict[str, Any]]:
        """Rows of a chart's question to a dataset."""
        body = {
            "datasource": {"id": dataset, "type": "table"},
            "result_format": "json",
            "result_type": "full",
            "queries": [{"filters": [], "extras": {}, "columns": [], "row_limit": 50_000, **query}],
        }
        return self.ask("chart/data", body)["result"][0]["data"]

    def picture(self, browser: Any, path: Path) -> str:
        """The dashboard as a reader sees it, into a file; its text."""
        page = browser.new_page(viewport={"width": 1440, "height": 900}, device_scale_factor=1)
        page.goto(f"{self.address}/login/", wait_until="networkidle")  # before that, the form is only drawn
        page.fill("#username", "admin")
        page.fill("#password", self.password)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/login" not in url)
        page.goto(f"{self.address}/{PAGE}", wait_until="networkidle")
        page.wait_for_selector(".dashboard-component-chart-holder", timeout=120_000)
        grid = page.locator(".grid-container").first.bounding_box()
        height = int(grid["y"] + grid["height"]) + 24
        page.set_viewport_size({"width": 1440, "height": height})
        page.wait_for_function(
            "() => document.querySelectorAll('.slice_container .loading, [data-test=loading-indicator]').length === 0"
            " && document.querySelectorAll('[data-test=chart-container], .chart-container').length > 0",
            timeout=120_000,
        )
        page.wait_for_timeout(3000)  # lines are drawn from left to right
        path.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=path)
        text = page.inner_text("body")
        page.close()
        return text

    def stop(self) -> None:
        """End the server."""
        self.process.terminate()
        self.process.wait()
