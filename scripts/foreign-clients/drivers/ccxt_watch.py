"""Drives the PyPI package `ccxt` and writes what each of its watch methods returned, one JSON object a line.

    python ccxt_watch.py '{"endpoints":{…},"key":…,"secret":…,"memo":…}'

URLs and the certificate to trust are options of the package. It would load the markets by REST, which the simulator
doesn't have, so they are handed to it.
"""

import asyncio
import json
import os
import sys
import threading

import ccxt.pro

SPOT, SWAP = "BTC/USDT", "BTC/USDT:USDT"


def say(name, market, detail):
    sys.stdout.write(json.dumps({"kind": "told", "endpoint": market, "name": name, "detail": detail}) + "\n")
    sys.stdout.flush()


def market(kind, symbol, market_id, settle):
    is_swap = kind == "swap"
    return {
        "id": market_id,
        "symbol": symbol,
        "base": "BTC",
        "baseId": "BTC",
        "quote": "USDT",
        "quoteId": "USDT",
        "settle": settle,
        "settleId": settle,
        "type": kind,
        "spot": not is_swap,
        "swap": is_swap,
        "margin": False,
        "future": False,
        "option": False,
        "contract": is_swap,
        "linear": is_swap or None,
        "inverse": False if is_swap else None,
        "contractSize": 0.001 if is_swap else None,
        "active": True,
        "precision": {"amount": 1e-8, "price": 1e-2},
        "limits": {"amount": {}, "price": {}, "cost": {}, "leverage": {}},
        "info": {},
    }


def summary(name, value):
    """What the runner judges a value by."""
    if name == "watch_order_book":
        best = [value[side][0] if value[side] else None for side in ("bids", "asks")]
        return {"time": value["timestamp"], "best": best, "levels": [len(value["bids"]), len(value["asks"])]}
    if name == "watch_bids_asks":
        top = value[SPOT]
        best = [[top["bid"], top["bidVolume"]], [top["ask"], top["askVolume"]]]
        return {"time": top["timestamp"], "best": best, "count": len(value)}
    if name == "watch_ohlcv":
        return {"last": value[-1]}
    if name == "watch_funding_rate":
        return {"time": value["timestamp"], "rate": value["fundingRate"], "next": value["nextFundingTimestamp"]}
    return {"count": len(value)}


async def watch(exchange, name, market, *args):
    try:
        while True:
            say(name, market, summary(name, await getattr(exchange, name)(*args)))
    except Exception as failure:
        say("error", market, {"method": name, "text": f"{type(failure).__name__}: {failure}"})


async def main():
    plan = json.loads(sys.argv[1])
    url = plan["endpoints"]
    exchange = ccxt.pro.bitmart(
        {
            "apiKey": plan["key"],
            "secret": plan["secret"],
            "uid": plan["memo"],
            "cafile": os.environ["SSL_CERT_FILE"],
            "urls": {
                "api": {
                    "ws": {
                        "spot": {"public": url["spot/public"], "private": url["spot/private"]},
                        "swap": {"public": url["futures/public"], "private": url["futures/private"]},
                    }
                }
            },
            # The snapshot would come by REST.
            "options": {"watchBalance": {"fetchBalanceSnapshot": False, "awaitBalanceSnapshot": False}},
        }
    )
    exchange.set_markets([market("spot", SPOT, "BTC_USDT", None), market("swap", SWAP, "BTCUSDT", "USDT")])
    # The end of standard input is the end of the run.
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    both = ((SPOT, "spot"), (SWAP, "futures"))
    watches = [
        watch(exchange, name, market, symbol, *more)
        for symbol, market in both
        for name, *more in (
            ("watch_ticker",),
            ("watch_trades",),
            ("watch_order_book",),
            ("watch_ohlcv", "1m"),
            ("watch_orders",),
        )
    ]
    watches += [
        watch(exchange, "watch_bids_asks", "spot", [SPOT]),
        watch(exchange, "watch_balance", "spot", {"type": "spot"}),
        watch(exchange, "watch_balance", "futures", {"type": "swap"}),
        watch(exchange, "watch_positions", "futures", [SWAP]),
        watch(exchange, "watch_funding_rate", "futures", SWAP),
    ]
    await asyncio.gather(*watches)


asyncio.run(main())
