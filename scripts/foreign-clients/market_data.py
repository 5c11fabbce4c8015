"""Whether the public pushes that a client handed over hold together. Each check returns what is wrong, and a count."""

from decimal import Decimal

# A whole book, and with it what is compared.
LEVELS = 20


def books(increments, whole):
    """Whether books kept from increments miss no version, are never crossed, and are the whole books of the same time.

    Returns what was wrong, the number of updates, and the number of times at which the two were compared.
    """
    wrong, at, version, sides, updates = [], {}, None, None, 0
    for push in _items(increments):
        if push["type"] == "snapshot":
            sides = {"bids": {}, "asks": {}}
        elif version is None:
            wrong.append("an update came before any snapshot")
            break
        elif push["version"] == version:
            # Spot's heartbeat.
            continue
        else:
            updates += 1
            if push["version"] != version + 1:
                wrong.append(f"version {push['version']} followed {version}")
        version = push["version"]
        for side, levels in sides.items():
            for price, size in _levels(push[side]):
                levels[price] = size
                if size == 0:
                    del levels[price]
        if not all(sides.values()) or max(sides["bids"]) >= min(sides["asks"]):
            wrong.append(f"crossed or empty at version {version}")
        best = {"bids": sorted(sides["bids"].items(), reverse=True), "asks": sorted(sides["asks"].items())}
        at[push["ms_t"]] = {side: levels[:LEVELS] for side, levels in best.items()}
    compared = set()
    for push in _items(whole):
        # Futures sends the sides apart.
        told = {"bids" if push["way"] == 1 else "asks": push["depths"]} if "way" in push else push
        for side in ("bids", "asks"):
            if side in told and push["ms_t"] in at:
                compared.add(push["ms_t"])
                if _levels(told[side]) != at[push["ms_t"]][side]:
                    wrong.append(f"another book as a whole, {side} at {push['ms_t']}")
    return wrong, updates, len(compared)


def candles(pushes):
    """Whether each candle holds its open and close, and only grows while it forms.

    Returns what was wrong, and the number of candles that were told, each state of one counted.
    """
    wrong, last, told = [], None, 0
    for push in _items(pushes):
        for item in push.get("items") or [push["candle"]]:
            values = [item[name] for name in ("ts", "o", "h", "l", "c", "v")] if isinstance(item, dict) else item
            time, opened, high, low, close, volume = map(Decimal, values)
            told += 1
            if not low <= min(opened, close) <= max(opened, close) <= high:
                wrong.append(f"prices out of range: {item}")
            if last and time < last[0]:
                wrong.append(f"back in time: {item}")
            # Before its first trade a candle is flat at an older price.
            if last and time == last[0] and last[4] > 0:
                if opened != last[1] or high < last[2] or low > last[3] or volume < last[4]:
                    wrong.append(f"shrunk: {item}")
            last = time, opened, high, low, volume
    return wrong, told


def funding(pushes):
    """Whether a rate is within its limits and its settlement to come. Returns what was wrong, and the number."""
    wrong = []
    for push in _items(pushes):
        low, high = Decimal(push["funding_lower_limit"]), Decimal(push["funding_upper_limit"])
        rates = [Decimal(push[name]) for name in ("fundingRate", "nextFundingRate")]
        if not all(low <= rate <= high for rate in rates) or push["nextFundingTime"] <= push["ts"]:
            wrong.append(str(push))
    return wrong, len(pushes)


def _items(pushes):
    for push in pushes:
        yield from push["data"] if isinstance(push["data"], list) else [push["data"]]


def _levels(side):
    pairs = (level.values() if isinstance(level, dict) else level for level in side)
    return [(Decimal(price), Decimal(size)) for price, size in pairs]
