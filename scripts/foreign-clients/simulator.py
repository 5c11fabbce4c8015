"""One run of the simulator's program, and its control endpoint."""

import json
import subprocess
import threading
import urllib.parse
import urllib.request
from pathlib import Path

START_SECONDS = 20
CALL_SECONDS = 5
# It ends by itself, should nobody be left to end it.
LONGEST_SECONDS = 300

KEY, SECRET, MEMO = "foreign-key", "foreign-secret", "foreign memo"


def build(tree):
    """Builds the program from the source tree and returns its path."""
    subprocess.run(["cargo", "build", "--quiet", "-p", "bitmart-sim"], cwd=tree, check=True, timeout=1200)
    return target(tree) / "debug" / "bitmart-sim"


def target(tree):
    """Where cargo builds."""
    command = ["cargo", "metadata", "--no-deps", "--format-version", "1"]
    metadata = subprocess.run(command, cwd=tree, check=True, timeout=60, capture_output=True, text=True).stdout
    return Path(json.loads(metadata)["target_directory"])


class Simulator:
    """A simulator of its own for each scenario: what is counted is that client's doing."""

    def __init__(self, program, ca, *options):
        options = ["--control-port", "0", "--write-ca", ca, "--for-seconds", str(LONGEST_SECONDS), *options]
        account = ["--key", KEY, "--secret", SECRET, "--memo", MEMO]
        self.ca = ca
        # No proxy of the environment stands between us and loopback.
        self._http = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.process = subprocess.Popen(
            [program, *options, *account],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            self._control = self._announced_control()
            self.urls = self._call("GET", "/urls")
        except BaseException:
            # Nobody else knows of the process yet.
            self.close()
            raise

    def _announced_control(self):
        """The control endpoint's address, once the program says that it runs."""
        control = None
        too_late = threading.Timer(START_SECONDS, self.process.kill)
        too_late.start()
        try:
            for line in self.process.stdout:
                if line.startswith("control"):
                    control = line.split()[-1].rstrip("/")
                # The last of what it says before it serves.
                if line.startswith("running"):
                    break
        finally:
            too_late.cancel()
        if control is None:
            raise RuntimeError("the simulator named no control endpoint")
        return control

    def counters(self, environment, market, side):
        return self._call("GET", "/counters")[environment][market][side]

    def fault(self, kind, **query):
        self._call("POST", f"/faults/{kind}?{urllib.parse.urlencode(query)}")

    def _call(self, method, path):
        request = urllib.request.Request(self._control + path, method=method)
        with self._http.open(request, timeout=CALL_SECONDS) as answer:
            return json.load(answer)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
