"""The built site, a server for it, and a browser.

The tests read `_build/html`, which `make book` builds, or the folder that
the environment variable LMBOOK_SITE names.
"""

import os

import pytest
from served import (
    NO_BROWSER,
    find_browser,
    html_pages,
    serving,
    site_folder,
)


def pytest_generate_tests(metafunc):
    if "page_path" in metafunc.fixturenames:
        pages = html_pages(site_folder())
        # Without a site, one test remains, and says so.
        metafunc.parametrize("page_path", pages or ["index.html"])


@pytest.fixture(scope="session")
def site():
    folder = site_folder()
    if not (folder / "index.html").exists():
        pytest.fail(f"no site in {folder}: run `make book` first")
    return folder


@pytest.fixture(scope="session")
def address(site):
    with serving(site) as url:
        yield url


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium
        path = find_browser(os.environ, chromium.executable_path)
        if path is None:
            pytest.fail(NO_BROWSER)
        yield chromium.launch(
            executable_path=path,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                # Nothing but this machine can be reached.
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
        )
