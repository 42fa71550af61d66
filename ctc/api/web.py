"""The dashboard's built files, served at `/` beside the API; JSON for whoever does not ask for a page."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, HTMLResponse
from starlette.staticfiles import StaticFiles

from ctc.api import docs
from ctc.api.answers import NO_SNIFF, unchanging
from ctc.api.models import DISCLAIMER
from ctc.api.service import INDEX
from ctc.settings import ROOT

BUILD = ROOT / "dashboard" / "web" / "dist"
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE = {**NO_SNIFF, "Cache-Control": "no-cache", "Vary": "Accept", "Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
ABSENT = f"""<!doctype html><html lang="en"><title>Coat Tail Capital</title>
<h1>The dashboard is not built</h1><p>Run <code>make setup</code> in the project's folder, and load this page again.
The <a href="/docs">API</a> works without it.</p><p>{DISCLAIMER}</p></html>"""


def install(app: FastAPI, build: Path = BUILD) -> None:
    """Serve `/` and `/assets`. A build that appears later is served from then on."""
    routes = APIRouter()

    @routes.get("/", **docs.INDEX)
    def read_index(request: Request) -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            found = unchanging(request, INDEX, "public, max-age=60")
            found.headers["Vary"] = "Accept"
            return found
        page = build / "index.html"
        return FileResponse(page, headers=PAGE) if page.is_file() else HTMLResponse(ABSENT, 503, headers=PAGE)

    app.include_router(routes)
    app.mount("/assets", GZipMiddleware(_Assets(directory=build / "assets", check_dir=False), minimum_size=1_000))


class _Assets(StaticFiles):
    """Files whose names change with what is in them: a browser never asks for one twice."""

    async def check_config(self) -> None:
        """Nothing: a folder that is not there yet holds no files."""

    def file_response(self, *args: object, **options: object) -> Response:
        found = super().file_response(*args, **options)  # type: ignore[arg-type]
        found.headers.update({**NO_SNIFF, "Cache-Control": "public, max-age=31536000, immutable"})
        return found
