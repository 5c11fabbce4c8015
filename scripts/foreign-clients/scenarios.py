"""What each client is put through, and what is concluded from what was seen.

A scenario has a simulator and a driver of its own. It returns a cell for each of its checks; a check that it says
nothing of was not observed, and fails.
"""

import re
import time
import zlib
from dataclasses import dataclass

import market_data
from driver import Driver, is_ack, is_data, is_login, is_on, is_push, is_refused_login, is_refused_topic, message
from simulator import Simulator

PRIVATE = {
    "spot/private": ["spot/user/order:BTC_USDT", "spot/user/orders:ALL_SYMBOLS", "spot/user/balance:BALANCE_UPDATE"],
    "futures/private": ["futures/asset:USDT", "futures/position", "futures/order"],
}
PUBLIC = {
    "spot/public": [
        "spot/ticker:BTC_USDT",
        "spot/trade:BTC_USDT",
        "spot/bookTicker:BTC_USDT",
        "spot/depth20:BTC_USDT",
        "spot/depth/increase100:BTC_USDT",
        "spot/kline1m:BTC_USDT",
    ],
    "futures/public": [
        "futures/ticker:BTCUSDT",
        "futures/trade:BTCUSDT",
        "futures/bookticker:BTCUSDT",
        "futures/depth20:BTCUSDT",
        "futures/depthIncrease20:BTCUSDT",
        "futures/klineBin1m:BTCUSDT",
        "futures/fundingRate:BTCUSDT",
    ],
}
# Increments of a book, and the whole book.
BOOKS = {
    "spot": ("spot/depth/increase100:BTC_USDT", "spot/depth20:BTC_USDT"),
    "futures": ("futures/depthIncrease20:BTCUSDT", "futures/depth20:BTCUSDT"),
}
FUNDING = "futures/fundingRate:BTCUSDT"
CANDLES = {"spot": "spot/kline1m:BTC_USDT", "futures": "futures/klineBin1m:BTCUSDT"}

MARKETS = ("spot", "futures")

LOGIN_SECONDS = 20
PUSH_SECONDS = 30
UNSUBSCRIBE_SECONDS = 10
# What is still under way behind the acknowledgement of an unsubscribe.
GRACE_SECONDS = 1
SILENT_SECONDS = 4
# More than two pings of the slowest client, more than twice the 20 s that spot gives an idle connection.
QUIET_SECONDS = 45
RECOVERY_SECONDS = 45
# At two connections a second, past the 30 that spot allows in a minute.
REFUSED_SECONDS = 20
# So many states of an order book are looked at, and so many candles and comparisons of books at least.
BOOK_UPDATES = 20
MARKET_PUSHES = 5
# Long enough that inflating it takes a while; deflated it is short.
LONG_BYTES = 1 << 20


@dataclass(frozen=True)
class Cell:
    answer: str
    remark: str = ""
    # Whether the simulator owes it; otherwise it is the client's own affair.
    is_owed: bool = False


def owed(is_met, remark=""):
    return Cell("yes" if is_met else "no", remark, is_owed=True)


def own(is_met, remark=""):
    return Cell("yes" if is_met else "no", remark)


def everything(bench):
    """All topics of all endpoints, then two of them no more; and whether the market data holds together."""
    topics = PRIVATE | PUBLIC
    cells = {}
    with bench.simulator() as sim, bench.driver(sim, topics) as driver:
        for market in MARKETS:
            cells[f"login {market}"] = _login(driver, sim, "live", market, f"{market}/private")
        deadline = time.monotonic() + PUSH_SECONDS
        for endpoint, names in topics.items():
            for topic in names:
                cells[f"topic {topic}"] = _topic(driver, endpoint, topic, deadline)
        for endpoint, topic in (("spot/private", "spot/user/order:BTC_USDT"), ("futures/private", "futures/order")):
            cells[f"unsubscribe {endpoint.split('/')[0]}"] = _unsubscribe(driver, endpoint, topic)
        deadline = time.monotonic() + PUSH_SECONDS
        for market in MARKETS:
            cells[f"book {market}"] = _book(driver, market, deadline)
            cells[f"candles {market}"] = _candles(driver, market)
        wrong, count = market_data.funding(_pushes(driver, FUNDING))
        cells["funding"] = owed(count > 0 and not wrong, wrong[0] if wrong else "")
    return cells


def _pushes(driver, topic):
    return [message(one) for one in driver.seen(lambda one: is_on(one, _endpoint(topic)) and is_push(one, topic))]


def _endpoint(topic):
    return f"{topic.split('/')[0]}/public"


def _book(driver, market, deadline):
    increments, whole = BOOKS[market]
    look = lambda: market_data.books(_pushes(driver, increments), _pushes(driver, whole))
    is_enough = lambda seen: bool(seen[0]) or (seen[1] >= BOOK_UPDATES and seen[2] >= MARKET_PUSHES)
    while not is_enough(look()) and time.monotonic() < deadline:
        time.sleep(1)
    wrong, updates, compared = seen = look()
    remark = wrong[0] if wrong else f"{updates} updates, {_count(compared, 'comparison')}"
    return owed(is_enough(seen) and not wrong, remark)


def _candles(driver, market):
    wrong, told = market_data.candles(_pushes(driver, CANDLES[market]))
    return owed(told >= MARKET_PUSHES and not wrong, wrong[0] if wrong else f"{told} told")


def _login(driver, sim, environment, market, endpoint):
    told = driver.wait(lambda one: is_on(one, endpoint) and is_login(one, market), time.monotonic() + LOGIN_SECONDS)
    counted = sim.counters(environment, market, "private")
    remark = "" if told else "the client told nothing" if counted["logins_ok"] else _last_words(driver)
    return owed(told is not None and counted["logins_ok"] == 1 and counted["logins_refused"] == 0, remark)


def _topic(driver, endpoint, topic, deadline):
    ack = driver.wait(lambda one: is_on(one, endpoint) and is_ack(one, "subscribe", topic), deadline)
    if ack is None:
        return owed(False, "not acknowledged")
    push = driver.wait(lambda one: is_on(one, endpoint) and is_push(one, topic), deadline)
    return owed(push is not None, "" if push else "acknowledged; no data")


def _unsubscribe(driver, endpoint, topic):
    since = driver.now()
    driver.command(do="unsubscribe", endpoint=endpoint, topics=[topic])
    is_acked = lambda one: is_on(one, endpoint) and is_ack(one, "unsubscribe", topic)
    ack = driver.wait(is_acked, time.monotonic() + UNSUBSCRIBE_SECONDS, since)
    if ack is None:
        return owed(False, "not acknowledged")
    time.sleep(GRACE_SECONDS)
    since = driver.now()
    time.sleep(SILENT_SECONDS)
    later = driver.seen(lambda one: is_on(one, endpoint) and is_push(one, topic), since)
    others = [name for name in PRIVATE[endpoint] if name != topic]
    is_alive = any(driver.seen(lambda one: is_push(one, name), since) for name in others)
    if not is_alive:
        return owed(False, "the other topics went quiet as well")
    return owed(not later, f"{len(later)} more pushes" if later else "")


def quiet(bench):
    """Logged in and subscribed, with an exchange on which nothing happens."""
    cells = {}
    with bench.simulator("--manual") as sim, bench.driver(sim, PRIVATE) as driver:
        time.sleep(QUIET_SECONDS)
        for market in MARKETS:
            endpoint = f"{market}/private"
            counted = sim.counters("live", market, "private")
            pongs = len(driver.seen(lambda one: is_on(one, endpoint) and one["kind"] == "pong"))
            has_stayed = counted["connections"] == 1 and counted["open"] == 1
            answers = f"{pongs} answers to {counted['pings']} ping messages"
            cells[f"ping {market}"] = owed(pongs >= 2, "ping frames" if bench.client.sends_ping_frames else answers)
            remark = "" if has_stayed else _count(counted["connections"], "connection")
            cells[f"quiet {market}"] = owed(has_stayed, remark)
            # Who has ended by an error of their own can't be kept connected.
            for crash in driver.seen(lambda one: one["kind"] == "crash"):
                cells[f"quiet {market}"] = own(False, crash["what"])
    return cells


def demo(bench):
    """Futures paper trading."""
    topics = {"futures/private": PRIVATE["futures/private"]}
    with bench.simulator() as sim, bench.driver(sim, topics, environment="demo") as driver:
        login = _login(driver, sim, "demo", "futures", "futures/private")
        live = sim.counters("live", "futures", "private")["connections"]
        deadline = time.monotonic() + PUSH_SECONDS
        pushes = [driver.wait(lambda one: is_push(one, topic), deadline) for topic in topics["futures/private"]]
    if live:
        return {"demo": own(False, "connected to the live host")}
    how = "by its option" if bench.client.package == "bitmart-api" else "by its URL"
    return {"demo": owed(login.answer == "yes" and all(pushes), login.remark or how)}


def compressed(bench):
    """Spot as it is said to have been: binary frames of raw DEFLATE for everything but pongs."""
    topics = {"spot/private": PRIVATE["spot/private"], "spot/public": ["spot/ticker:BTC_USDT", "spot/trade:BTC_USDT"]}
    with bench.simulator("--compress", "always") as sim, bench.driver(sim, topics) as driver:
        login = _login(driver, sim, "live", "spot", "spot/private")
        deadline = time.monotonic() + PUSH_SECONDS
        missing = [
            topic
            for names in topics.values()
            for topic in names
            if driver.wait(lambda one: is_push(one, topic), deadline) is None
        ]
    return {"compressed": owed(login.answer == "yes" and not missing, login.remark or ", ".join(missing))}


def order(bench):
    """A long compressed message, then a short one."""
    topic = "spot/trade:BTC_USDT"
    with bench.simulator("--manual") as sim, bench.driver(sim, {"spot/public": [topic]}) as driver:
        deadline = time.monotonic() + LOGIN_SECONDS
        if driver.wait(lambda one: is_ack(one, "subscribe", topic), deadline) is None:
            return {}
        for number, padding in ((1, LONG_BYTES), (2, 0)):
            text = f'{{"data":[{{"n":{number}}}],"table":"spot/trade"{" " * padding}}}'
            sim.fault("send_binary", hex=_deflated(text), environment="live", market="spot", side="public")
        seen = lambda: [item["n"] for one in driver.seen(is_data) for item in one["detail"]["data"] if "n" in item]
        driver.wait(lambda _: len(seen()) == 2, deadline)
        numbers = seen()
    return {"order": own(numbers == [1, 2], "" if numbers == [1, 2] else f"handed over as {numbers}")}


def _deflated(text):
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return (raw.compress(text.encode()) + raw.flush()).hex()


def bad_topic(bench):
    """Symbols that the exchange doesn't list."""
    bad = {"spot": "spot/ticker:NO_SUCH", "futures": "futures/ticker:NOSUCH"}
    with bench.simulator() as sim, bench.driver(sim, {f"{m}/public": [bad[m]] for m in MARKETS}) as driver:
        deadline = time.monotonic() + LOGIN_SECONDS
        told = {
            market: driver.wait(lambda one: is_on(one, f"{market}/public") and is_refused_topic(one), deadline)
            for market in MARKETS
        }
    names = "; ".join(f"{market}: `{one['name'] if one else 'nothing'}`" for market, one in told.items())
    return {"bad topic": owed(all(told.values()), names)}


def closed(bench):
    """Both private connections are closed with 1001 in full flow."""
    with bench.simulator() as sim, bench.driver(sim, PRIVATE) as driver:
        _flow(driver)
        drops = {market: _drop(sim, driver, "close", market, code=1001) for market in MARKETS}
        after = {market: _recovery(sim, driver, market, drops[market]) for market in MARKETS}
        since = min(drop.since for drop in drops.values())
        announced = [one for one in driver.seen(since=since) if _says_missed(one)]
    cells = {
        "drop reconnects": _of_both(after, "reconnected"),
        "drop logs in": _of_both(after, "logged in"),
        "drop subscribes": _of_both(after, "data again"),
        "drop missed": own(bool(announced)),
    }
    told = {market: after[market]["told"] for market in MARKETS}
    bench.note("closed with 1001", told)
    return cells


@dataclass(frozen=True)
class Drop:
    since: int
    time: float


def _flow(driver):
    """Waits until each private topic has had data."""
    deadline = time.monotonic() + PUSH_SECONDS
    for endpoint, names in PRIVATE.items():
        for topic in names:
            if driver.wait(lambda one: is_on(one, endpoint) and is_push(one, topic), deadline) is None:
                raise RuntimeError(f"no data on {topic} before the fault; {_last_words(driver)}")


def _drop(sim, driver, kind, market, **query):
    drop = Drop(driver.now(), time.monotonic())
    sim.fault(kind, environment="live", market=market, side="private", **query)
    return drop


def _recovery(sim, driver, market, drop):
    """What happened on a market's private endpoint after a drop: what for how long, or what instead."""
    endpoint, topic = f"{market}/private", PRIVATE[f"{market}/private"][-1]
    deadline = drop.time + RECOVERY_SECONDS
    found = {}

    def next_after(earlier, wanted):
        is_it = lambda one: is_on(one, endpoint) and one["time"] >= earlier and wanted(one)
        return driver.wait(is_it, deadline, drop.since)

    login = next_after(drop.time, lambda one: is_login(one, market))
    if login is not None:
        found["logged in"] = login["time"] - drop.time
        ack = next_after(login["time"], lambda one: is_ack(one, "subscribe", topic))
        push = ack and next_after(ack["time"], lambda one: is_push(one, topic))
        if push:
            found["data again"] = push["time"] - drop.time
    counted = sim.counters("live", market, "private")
    if counted["connections"] > 1:
        opened = next_after(drop.time, _is_open)
        found["reconnected"] = opened["time"] - drop.time if opened else None
    if counted["faults"] == 0:
        found["broken"] = "the fault hit nothing"
    if counted["logins_refused"] > 0:
        found["broken"] = "a login was refused"
    calls = driver.seen(lambda one: is_on(one, endpoint) and one["kind"] == "call", drop.since)
    found["login by callback"] = any(call["name"] == "login" for call in calls)
    names = []
    for one in driver.seen(lambda one: one["endpoint"] in (endpoint, None), drop.since):
        name = _name(one)
        if name and (not names or names[-1] != name) and not is_data(one):
            names.append(name)
    found["told"] = names
    found["crash"] = [one["what"] for one in driver.seen(lambda one: one["kind"] == "crash", drop.since)]
    return found


def _is_open(one):
    return one["kind"] == "told" and one["name"] in ("open", "reconnected", "on_open")


def _name(one):
    if one["kind"] == "told":
        reply = message(one)
        what = reply.get("event") or reply.get("action")
        return f"{one['name']} ({'login' if what == 'access' else what})" if what else one["name"]
    if one["kind"] == "crash":
        return one["what"]
    return None


def _says_missed(one):
    """Whether anything but data speaks of messages that were missed."""
    if one["kind"] not in ("told", "log") or is_data(one):
        return False
    return re.search(r"\bgap|\bmiss(ed|ing)|lost messages", str(one), re.IGNORECASE) is not None


def _of_both(after, what):
    broken = [after[market]["broken"] for market in MARKETS if "broken" in after[market]]
    if broken:
        return owed(False, broken[0])
    lacking = [market for market in MARKETS if what not in after[market]]
    if lacking:
        crash = next((crash for market in MARKETS for crash in after[market]["crash"]), "")
        remark = "" if len(lacking) == len(MARKETS) else f"not on {lacking[0]}"
        return own(False, "; ".join(part for part in (remark, crash) if part))
    seconds = [after[market][what] for market in MARKETS if after[market][what] is not None]
    remark = f"after {max(seconds):.1f} s" if seconds else "not told"
    if what != "reconnected" and any(after[market]["login by callback"] for market in MARKETS):
        remark += ", by the user's open callback"
    return own(True, remark)


def reset(bench):
    """Both private connections are reset in full flow."""
    return {"reset": _dropped(bench, "reset", "reset")}


def silent(bench):
    """Both private connections stay open and say nothing more."""
    return {"silent": _dropped(bench, "silence", "open but dead")}


def _dropped(bench, fault, words):
    """A fault ends the flow of both private connections: does it come again?"""
    with bench.simulator() as sim, bench.driver(sim, PRIVATE) as driver:
        _flow(driver)
        drops = {market: _drop(sim, driver, fault, market) for market in MARKETS}
        after = {market: _recovery(sim, driver, market, drops[market]) for market in MARKETS}
    bench.note(words, {market: after[market]["told"] for market in MARKETS})
    return _of_both(after, "data again")


def refused(bench):
    """Both private connections are closed, and the first attempt to come back meets a 503."""
    with bench.simulator() as sim, bench.driver(sim, PRIVATE) as driver:
        _flow(driver)
        for market in MARKETS:
            sim.fault("refuse_upgrade", status=503, environment="live", market=market, side="private")
        drops = {market: _drop(sim, driver, "close", market, code=1001) for market in MARKETS}
        after = {market: _recovery(sim, driver, market, drops[market]) for market in MARKETS}
    told = {market: after[market]["told"] for market in MARKETS}
    bench.note("closed with 1001, then refused once with 503", told)
    return {"refused": _of_both(after, "data again")}


def unanswered(bench):
    """The login is never answered, and the connection closed."""
    with bench.simulator() as sim:
        for market in MARKETS:
            sim.fault("ignore_login", environment="live", market=market, side="private")
        with bench.driver(sim, PRIVATE) as driver:
            deadline = time.monotonic() + LOGIN_SECONDS
            heard = lambda market: sim.counters("live", market, "private")["faults"]
            while not all(heard(market) for market in MARKETS) and time.monotonic() < deadline:
                time.sleep(0.1)
            drops = {market: _drop(sim, driver, "close", market, code=1001) for market in MARKETS}
            after = {market: _recovery(sim, driver, market, drops[market]) for market in MARKETS}
            logins = {market: sim.counters("live", market, "private")["logins_ok"] for market in MARKETS}
    bench.note("closed before its login was answered", {market: after[market]["told"] for market in MARKETS})
    cell = _of_both(after, "logged in")
    if not cell.is_owed and not any(logins.values()):
        opened = [market for market in MARKETS if "reconnected" in after[market]]
        remark = f"reconnects and sends no login again ({RECOVERY_SECONDS} s watched)"
        cell = own(False, remark) if opened else cell
    return {"unanswered": cell}


def wrong_secret(bench):
    """The exchange refuses the login and closes."""
    with bench.simulator() as sim, bench.driver(sim, PRIVATE, secret="not the secret") as driver:
        time.sleep(REFUSED_SECONDS)
        counted = {market: sim.counters("live", market, "private") for market in MARKETS}
        refusals = {
            market: [one for one in driver.seen() if is_on(one, f"{market}/private") and is_refused_login(one, market)]
            for market in MARKETS
        }
    names = {market: sorted({one["name"] for one in ones}) for market, ones in refusals.items()}
    is_refused = all(c["logins_refused"] > 0 and c["logins_ok"] == 0 for c in counted.values())
    # Who calls a refusal "authenticated" has told the opposite.
    is_told = all(names[market] and "authenticated" not in names[market] for market in MARKETS)
    told = "; ".join(f"{market}: `{'`, `'.join(names[market]) or 'nothing'}`" for market in MARKETS)
    tries = "; ".join(f"{market}: {_tries(c)}" for market, c in counted.items())
    has_stopped = all(c["connections"] == 1 for c in counted.values())
    return {
        "wrong secret refused": owed(is_refused),
        "wrong secret told": own(is_told, told),
        "wrong secret stops": own(has_stopped, tries),
    }


def _tries(counted):
    tries = f"{_count(counted['connections'], 'connection')}, {_count(counted['logins_refused'], 'login')}"
    too_many = counted["connects_refused"]
    return f"{tries}, {_count(too_many, 'connection')} refused as too many" if too_many else tries


def _count(number, noun):
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def reads(bench):
    """A client that interprets what it gets: values of each kind, and order books that hold together."""
    with bench.simulator() as sim, bench.driver(sim, PRIVATE | PUBLIC) as driver:
        deadline = time.monotonic() + PUSH_SECONDS
        wanted = {name: BOOK_UPDATES if "order_book" in name else 1 for name in READS}
        told = lambda name: [one["detail"] for one in driver.seen(lambda one: _is_value(one, name))]
        for name, number in wanted.items():
            driver.wait(lambda _: len(told(name)) >= number, deadline)
        values = {name: told(name) for name in READS}
        errors = driver.seen(lambda one: one.get("name") == "error")
    cells = {}
    for name, number in wanted.items():
        method, market = _method(name)
        failures = [one for one in errors if one["detail"]["method"] == method and one["endpoint"] == market]
        if failures:
            cells[name] = owed(False, failures[0]["detail"]["text"])
        elif len(values[name]) < number:
            cells[name] = owed(False, _count(len(values[name]), "value"))
        elif method == "watch_order_book":
            cells[name] = _read_book(values[name], values.get(f"read watch_bids_asks {market}"))
        elif method == "watch_ohlcv":
            cells[name] = _read_candles(values[name])
        elif method == "watch_funding_rate":
            cells[name] = owed(all(v["rate"] is not None and v["next"] > v["time"] for v in values[name]))
        else:
            cells[name] = owed(values[name][-1]["count"] > 0)
    return cells


def _method(name):
    """The method and the market of a check."""
    return name.removeprefix("read ").split()


def _is_value(one, name):
    method, market = _method(name)
    return one["kind"] == "told" and one["name"] == method and one["endpoint"] == market


def _read_book(values, tops):
    """`tops` are the best prices as they were told apart from the book, which there are on spot.

    The two sides of a futures book come in messages of their own: between them, it may be crossed for one state.
    """
    is_crossed = [all(v["best"]) and v["best"][0][0] >= v["best"][1][0] for v in values]
    levels = " and ".join(str(count) for count in values[-1]["levels"])
    remark = f"{len(values)} states, {sum(is_crossed) or 'none'} crossed; {levels} levels"
    if tops is None:
        is_stuck = any(a and b for a, b in zip(is_crossed, is_crossed[1:]))
        return owed(not is_stuck and all(values[-1]["best"]), remark)
    best = {v["time"]: v["best"] for v in values}
    pairs = [(top["best"], best[top["time"]]) for top in tops if top["time"] in best]
    agreeing = sum(a == b for a, b in pairs)
    remark += f"; best prices like those of `watch_bids_asks` {agreeing} times of {len(pairs)}"
    return owed(not any(is_crossed) and agreeing == len(pairs) >= MARKET_PUSHES, remark)


def _read_candles(values):
    opened, high, low, close = values[-1]["last"][1:5]
    return owed(low <= min(opened, close) <= max(opened, close) <= high)


def _last_words(driver):
    words = [one.get("what") or one.get("text") for one in driver.seen() if one["kind"] in ("crash", "log")]
    return words[-1] if words else "nothing was said"


@dataclass(frozen=True)
class Bench:
    """Where a scenario runs: one client, with a name of its own for its files."""

    client: object
    scratch: object
    program: object
    name: str
    notes: list

    def simulator(self, *options):
        return Simulator(self.program, self.scratch / f"{self.name}.pem", *options)

    def driver(self, sim, topics, **options):
        return Driver(self.client, self.scratch, sim, topics, **options)

    def note(self, happened, told):
        """What the client told on each market once this had happened."""
        self.notes.append((self.client, happened, told))


TITLES = {
    "login spot": "spot login",
    "login futures": "futures login",
    "demo": "demo login and data (futures)",
    **{f"topic {topic}": f"`{topic}`" for names in (PRIVATE | PUBLIC).values() for topic in names},
    "book spot": "spot's increments miss no version, are never crossed, and make the book of `depth20`",
    "book futures": "futures' increments do likewise",
    "candles spot": "spot's candles hold together",
    "candles futures": "futures' candles hold together",
    "funding": "the funding rate is within its limits, its settlement to come",
    "compressed": "compressed spot frames are read",
    "order": "a long and a short compressed message keep their order",
    "bad topic": "a topic that isn't listed: the client says so, as …",
    "unsubscribe spot": "unsubscribe, spot",
    "unsubscribe futures": "unsubscribe, futures",
    "ping spot": "its pings are answered, spot",
    "ping futures": "its pings are answered, futures",
    "quiet spot": f"stays connected for {QUIET_SECONDS} s without data, spot",
    "quiet futures": f"stays connected for {QUIET_SECONDS} s without data, futures",
    "drop reconnects": "closed by the server: reconnects",
    "drop logs in": "… logs in again",
    "drop subscribes": "… has data again",
    "drop missed": "… says that messages may be missing",
    "reset": "TCP reset: has data again",
    "silent": f"open but dead: has data again ({RECOVERY_SECONDS} s watched)",
    "refused": "closed, then one 503: has data again",
    "unanswered": "closed before the login's answer: logs in again",
    "wrong secret refused": "wrong secret: refused",
    "wrong secret told": "… the client says so",
    "wrong secret stops": f"… it stops trying ({REFUSED_SECONDS} s watched)",
}

READS = {
    f"read {method} {market}": f"`{method}`, {market}"
    for method, markets in {
        "watch_ticker": MARKETS,
        "watch_bids_asks": ("spot",),
        "watch_trades": MARKETS,
        "watch_orders": MARKETS,
        "watch_balance": MARKETS,
        "watch_positions": ("futures",),
        "watch_order_book": MARKETS,
        "watch_ohlcv": MARKETS,
        "watch_funding_rate": ("futures",),
    }.items()
    for market in markets
}
TITLES |= READS

# For clients that hand over the exchange's messages, and for those that interpret them.
SCENARIOS = {
    everything: ["login spot", "login futures", "unsubscribe spot", "unsubscribe futures"]
    + [name for name in TITLES if name.split()[0] in ("topic", "book", "candles", "funding")],
    bad_topic: ["bad topic"],
    quiet: ["ping spot", "ping futures", "quiet spot", "quiet futures"],
    demo: ["demo"],
    compressed: ["compressed"],
    order: ["order"],
    closed: ["drop reconnects", "drop logs in", "drop subscribes", "drop missed"],
    reset: ["reset"],
    silent: ["silent"],
    refused: ["refused"],
    unanswered: ["unanswered"],
    wrong_secret: ["wrong secret refused", "wrong secret told", "wrong secret stops"],
}
INTERPRETING_SCENARIOS = {reads: list(READS)}
