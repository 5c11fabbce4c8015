"""Drives the PyPI package `bitmart-python-sdk-api` and writes what it tells its user, one JSON object a line.

    python python_sdk.py '{"endpoints":{…},"topics":{…},"key":…,"secret":…,"memo":…}'

The package takes the URL as an argument. Its login waits five seconds, so each endpoint has a thread.
"""

import json
import logging
import os
import sys
import threading
import time

from bitmart.websocket.futures_socket_client import FuturesSocketClient
from bitmart.websocket.spot_socket_client import SpotSocketClient

BEGAN = time.monotonic()
TOPICS_PER_REQUEST = 20
LOCK = threading.Lock()


def say(kind, endpoint, **fields):
    line = json.dumps({"at": time.monotonic() - BEGAN, "kind": kind, "endpoint": endpoint, **fields})
    with LOCK:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def thread_died(failure):
    name = failure.thread.name.split("-")[0]
    say("crash", None, what=f"{name} thread died: {failure.exc_type.__name__}: {failure.exc_value}")


class Log(logging.Handler):
    def __init__(self, endpoint):
        super().__init__()
        self.endpoint = endpoint

    def emit(self, record):
        text = record.getMessage()
        if "Received Text Message 'pong'" in text:
            say("pong", self.endpoint)
        elif record.levelno >= logging.INFO or "Reconnection" in text:
            say("log", self.endpoint, level=record.levelname.lower(), text=text)


def run(plan, endpoint, clients):
    logger = logging.getLogger(endpoint)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(Log(endpoint))

    def told(name):
        return lambda manager, *rest: say("told", endpoint, name=name, detail={"text": [str(part) for part in rest]})

    def on_message(message):
        if message.get("group") == "System":
            say("pong", endpoint)
        else:
            say("told", endpoint, name="on_message", detail=message)

    kind = SpotSocketClient if endpoint.startswith("spot/") else FuturesSocketClient
    client = kind(
        stream_url=plan["endpoints"][endpoint],
        on_message=on_message,
        on_open=told("on_open"),
        on_close=told("on_close"),
        on_error=told("on_error"),
        on_ping=told("on_ping"),
        on_pong=told("on_pong"),
        logger=logger,
        api_key=plan["key"],
        api_secret_key=plan["secret"],
        api_memo=plan["memo"],
    )
    clients[endpoint] = client
    if endpoint.endswith("/private"):
        say("call", endpoint, name="login")
        client.login()
    topics = plan["topics"][endpoint]
    for start in range(0, len(topics), TOPICS_PER_REQUEST):
        say("call", endpoint, name="subscribe")
        client.subscribe(topics[start : start + TOPICS_PER_REQUEST])


def main():
    plan = json.loads(sys.argv[1])
    threading.excepthook = thread_died
    clients = {}
    for endpoint in plan["topics"]:
        threading.Thread(target=run, name="driver", args=(plan, endpoint, clients), daemon=True).start()
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "unsubscribe":
            say("call", command["endpoint"], name="unsubscribe")
            clients[command["endpoint"]].unsubscribe(command["topics"])
    sys.stdout.flush()
    # The package's timers aren't daemons and would keep the process alive.
    os._exit(0)


main()
