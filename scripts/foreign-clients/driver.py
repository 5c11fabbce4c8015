"""One run of a driver: a foreign client in a process of its own, and what it told its user."""

import json
import os
import re
import subprocess
import threading
import time
import urllib.parse

import simulator

END_SECONDS = 5

# The exchange's host names and the simulator's endpoints that stand for them.
HOSTS = {
    "ws-manager-compress.bitmart.com": ("live", "spot"),
    "openapi-ws-v2.bitmart.com": ("live", "futures"),
    "openapi-wsdemo-v2.bitmart.com": ("demo", "futures"),
}


class Driver:
    def __init__(self, client, scratch, sim, topics, environment="live", secret=simulator.SECRET):
        """`topics` has a list for each endpoint that is to be opened, such as `spot/private`."""
        port = lambda environment, market: urllib.parse.urlsplit(sim.urls[environment][market]["public"]).port
        plan = {
            "endpoints": {e: sim.urls[environment][e.split("/")[0]][e.split("/")[1]] for e in topics},
            "hosts": {host: port(*where) for host, where in HOSTS.items()},
            "topics": topics,
            "demo": environment == "demo",
            "key": simulator.KEY,
            "secret": secret,
            "memo": simulator.MEMO,
        }
        self._seen = []
        self._has_ended = False
        self._changed = threading.Condition()
        self._errors = open(sim.ca.with_suffix(".stderr"), "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [*client.command, json.dumps(plan)],
            cwd=scratch,
            env={**os.environ, "NODE_EXTRA_CA_CERTS": str(sim.ca), "SSL_CERT_FILE": str(sim.ca)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            try:
                seen = json.loads(line)
            except ValueError:
                seen = {"kind": "log", "endpoint": None, "level": "print", "text": line.strip()}
            seen["time"] = time.monotonic()
            with self._changed:
                self._seen.append(seen)
                self._changed.notify_all()
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def now(self):
        """A point in what was seen, for `since`."""
        with self._changed:
            return len(self._seen)

    def seen(self, wanted=lambda _: True, since=0):
        with self._changed:
            return [one for one in self._seen[since:] if wanted(one)]

    def wait(self, wanted, deadline, since=0):
        """The first observation that is wanted, or None once the deadline is past or the driver has ended."""
        at = since
        with self._changed:
            while True:
                for one in self._seen[at:]:
                    if wanted(one):
                        return one
                at = len(self._seen)
                left = deadline - time.monotonic()
                if left <= 0 or self._has_ended:
                    return None
                self._changed.wait(left)

    def command(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def close(self):
        try:
            self.process.stdin.close()
        except OSError:
            # It has ended already.
            pass
        try:
            self.process.wait(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(timeout=END_SECONDS)
        self._errors.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# What an observation is.


def message(one):
    """What was handed to the user, if the observation is that and a JSON object."""
    detail = one.get("detail") if one["kind"] == "told" else None
    return detail if isinstance(detail, dict) else {}


def is_data(one):
    return "data" in message(one)


def is_on(one, endpoint):
    return one["endpoint"] == endpoint


def is_login(one, market):
    reply = message(one)
    if market == "spot":
        return reply.get("event") == "login" and "errorCode" not in reply
    return reply.get("action") == "access" and reply.get("success") is True


def is_refused_login(one, market):
    reply = message(one)
    if market == "spot":
        return reply.get("event") == "login" and "errorCode" in reply
    return reply.get("action") == "access" and reply.get("success") is False


def is_refused_topic(one):
    reply = message(one)
    verb = reply.get("event") or reply.get("action")
    if verb is None and reply.get("errorCode") == "92001":
        # Spot's answer to an unknown symbol doesn't say what it is about.
        return True
    return verb == "subscribe" and ("errorCode" in reply or reply.get("success") is False)


def is_ack(one, verb, topic):
    reply = message(one)
    if topic.startswith("spot/"):
        return reply.get("event") == verb and reply.get("topic") == topic and "errorCode" not in reply
    return reply.get("action") == verb and reply.get("group") == topic and reply.get("success") is True


def is_push(one, topic):
    push = message(one)
    data = push.get("data")
    if not data:
        # Spot's first push of orders is an empty string.
        return False
    if topic.startswith("futures/"):
        return re.sub(r"@\d+ms$", "", push.get("group", "")) == re.sub(r"@\d+ms$", "", topic)
    channel, _, only = topic.partition(":")
    if push.get("table") != channel or not isinstance(data, list):
        return False
    return only in ("ALL_SYMBOLS", "BALANCE_UPDATE") or any(item.get("symbol") == only for item in data)
