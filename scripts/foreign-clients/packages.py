"""The foreign packages: which versions, how they are installed, and how each is driven."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

# The newest on 2026-11-22, but for ccxt, which has dropped the exchange since. What they depend on is pinned where it
# touches the wire.
NPM = {"bitmart-api": "2.5.1", "@bitmartexchange/bitmart-node-sdk-api": "1.0.1", "ws": "8.21.1"}
PYPI = {"bitmart-python-sdk-api": "2.8.0", "websocket-client": "1.9.2", "ccxt": "4.5.40", "aiohttp": "3.14.5"}

INSTALL_SECONDS = 300
DRIVERS = Path(__file__).parent / "drivers"


@dataclass(frozen=True)
class Client:
    """A foreign client, installed, and the command that drives it."""

    package: str
    version: str
    command: tuple[str, ...]
    # The Node SDK's heartbeat is a ping frame; the others send the exchange's ping messages.
    sends_ping_frames: bool = False
    # Whether it hands over values of its own making, rather than the exchange's messages.
    interprets: bool = False

    @property
    def title(self):
        return f"{self.package} {self.version}"


def install(scratch):
    """Installs the pinned packages below `scratch`, unless they are there, and returns the clients."""
    scratch.mkdir(parents=True, exist_ok=True)
    wanted = json.dumps([NPM, PYPI, sys.version])
    marker = scratch / "installed.json"
    if not marker.exists() or marker.read_text() != wanted:
        (scratch / "package.json").write_text('{"private": true}\n')
        specs = [f"{name}@{version}" for name, version in NPM.items()]
        quietly = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"]
        _run("npm", "install", *quietly, *specs, cwd=scratch)
        _run(sys.executable, "-m", "venv", "--clear", "venv", cwd=scratch)
        pins = [f"{name}=={version}" for name, version in PYPI.items()]
        _run("venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", *pins, cwd=scratch)
        marker.write_text(wanted)
    # Node finds packages beside the file that asks for them.
    for driver in DRIVERS.iterdir():
        if driver.is_file():
            shutil.copy(driver, scratch / driver.name)
    reference, node_sdk, python_sdk = "bitmart-api", "@bitmartexchange/bitmart-node-sdk-api", "bitmart-python-sdk-api"
    python = "venv/bin/python"
    return [
        Client(reference, _npm_version(scratch, reference), ("node", "bitmart_api.mjs")),
        Client(node_sdk, _npm_version(scratch, node_sdk), ("node", "node_sdk.cjs"), sends_ping_frames=True),
        Client(python_sdk, _pypi_version(scratch, python_sdk), (python, "python_sdk.py")),
        Client("ccxt", _pypi_version(scratch, "ccxt"), (python, "ccxt_watch.py"), interprets=True),
    ]


def _run(*command, cwd):
    # In a session of its own, so that whatever it has started ends with it.
    with subprocess.Popen(command, cwd=cwd, stdout=sys.stderr, start_new_session=True) as process:
        try:
            status = process.wait(timeout=INSTALL_SECONDS)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if status != 0:
        raise subprocess.CalledProcessError(status, command)


def _npm_version(scratch, package):
    return json.loads((scratch / "node_modules" / package / "package.json").read_text())["version"]


def _pypi_version(scratch, package):
    code = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
    command = [scratch / "venv/bin/python", "-c", code, package]
    return subprocess.run(command, check=True, timeout=60, capture_output=True, text=True).stdout.strip()
