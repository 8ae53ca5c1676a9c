"""The built site's pages, a server for them, and where a browser is."""

import contextlib
import functools
import http.server
import os
import shutil
import threading
from pathlib import Path

ROOT = Path(__file__).parents[2]
# The site is served from here, to show that it works at any address.
PREFIX = "/some/where/"
NO_BROWSER = (
    "no Chromium was found: install it (`apt install chromium`, "
    "`brew install --cask chromium`, or `playwright install chromium`), or "
    "name one in the environment variable CHROME_PATH"
)
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)


def site_folder():
    return Path(os.environ.get("LMBOOK_SITE", ROOT / "_build" / "html"))


def html_pages(folder):
    """The site's pages, as paths relative to it."""
    found = folder.rglob("*.html")
    paths = [path.relative_to(folder) for path in found]
    return sorted(p.as_posix() for p in paths if p.parts[0][0] != "_")


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files of one folder, under PREFIX; no log."""

    def translate_path(self, path):
        if not path.startswith(PREFIX):
            return os.path.join(self.directory, "outside the prefix")
        return super().translate_path(path[len(PREFIX) - 1 :])

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def serving(folder):
    """Serve a folder on this machine; yields its address."""
    handler = functools.partial(Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{PREFIX}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def find_browser(environ, default):
    """The path of a Chromium, or None."""
    if environ.get("CHROME_PATH"):
        return environ["CHROME_PATH"]
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return found or (default if os.path.exists(default) else None)
