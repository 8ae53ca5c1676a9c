"""A reader of the site in a browser, who notes everything that goes wrong."""

import importlib.resources

AXE = importlib.resources.files("axe_playwright_python") / "axe.min.js"
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
SMALLEST = {"width": 320, "height": 640}


class Reader:
    """One page in one window, and everything that went wrong on it."""

    def __init__(self, context, origin):
        self.page, self.origin = context.new_page(), origin
        self.problems = []
        note = self.problems.append
        self.page.on("pageerror", lambda error: note(f"error: {error}"))
        self.page.on("console", self.on_console)
        self.page.on("request", self.on_request)
        self.page.on("response", self.on_response)

    def on_console(self, message):
        if message.type in ("error", "warning"):
            self.problems.append(f"console {message.type}: {message.text}")

    def on_request(self, request):
        if not request.url.startswith((self.origin, "data:", "blob:")):
            self.problems.append(f"asked elsewhere: {request.url}")

    def on_response(self, response):
        if response.status >= 400:
            self.problems.append(f"{response.status}: {response.url}")

    def open(self, path):
        self.page.goto(self.origin + path, wait_until="load")
        self.page.evaluate("document.fonts.ready.then(() => null)")
        return self.page

    def math_problems(self):
        """Formulas that are not set, once the page has set them."""
        self.page.evaluate("window.MathJax?.startup?.promise.then(() => 0)")
        return self.page.evaluate(
            """() => [...document.querySelectorAll(".math")]
            .filter(e => !e.querySelector("mjx-container")
                         || e.querySelector("mjx-merror"))
            .map(e => "not set: " + e.textContent.trim())"""
        )

    def access_problems(self, within="html"):
        """What axe finds with every fold open, so that all is read."""
        page = self.page
        page.evaluate(
            "document.querySelectorAll('details').forEach(d => d.open = true)"
        )
        # Colours are read once no transition is under way.
        page.evaluate(
            "Promise.allSettled(document.getAnimations()"
            ".map(a => a.finished)).then(() => null)"
        )
        page.evaluate(AXE.read_text("utf-8"))
        # Without preload, which would fetch every style sheet once more.
        found = page.evaluate(
            "(within) => axe.run(within, "
            "{preload: false, resultTypes: ['violations']})",
            within,
        )
        return [
            f"{rule['id']}: {rule['help']}: {node['html'][:160]}"
            for rule in found["violations"]
            for node in rule["nodes"][:3]
        ]

    def width_problems(self, *sizes):
        """Sizes at which the page scrolls sideways, and what sticks out."""
        for size in sizes:
            self.page.set_viewport_size(size)
            wide = self.page.evaluate(
                """() => {
                  const root = document.documentElement;
                  if (root.scrollWidth <= root.clientWidth) return [];
                  return [...document.body.querySelectorAll("*")]
                    .filter(e => e.getBoundingClientRect().right
                                 > root.clientWidth + 1)
                    .map(e => e.outerHTML.slice(0, 80));
                }"""
            )
            if wide:
                yield f"wider than {size['width']}: {wide[:3]}"
