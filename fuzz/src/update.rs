//! A decoded push, read to its last field.

use bitmart_proto::{BookSide, Interval, Level, List, TimeMs, Topic, Update};
use serde_json::Value;

use crate::{decimal, moment};

/// Every item from both ends, every method, every text; and a copy that is the same.
pub(crate) fn check(update: &Update<'_>, text: &[u8]) {
    let owned = update.to_owned();
    assert_eq!(owned.view(), *update, "a copy is the same");
    walk(update);
    if let Update::Raw(raw) = update {
        assert_eq!(raw.text.as_bytes(), text);
    }
    // What takes long is done for some messages, which the text itself chooses.
    if text.len() % 16 == 2 {
        let shown = serde_json::to_value(update).expect("views serialize");
        assert_eq!(serde_json::to_value(&owned).ok().as_ref(), Some(&shown));
        texts(&shown);
        if let Ok(topic) = update.topic().parse::<Topic>() {
            assert!(
                update.concerns(&topic),
                "{update:?} doesn't concern its own topic"
            );
        }
    }
    if text.len() % 16 == 1 {
        assert_eq!(format!("{:?}", owned.view()), format!("{update:?}"));
    }
}

/// Every text, as if it were a number or a time: the conversions must stand any text.
fn texts(value: &Value) {
    match value {
        Value::String(text) => {
            decimal::check(text, 8);
            moment::check(text);
        }
        Value::Array(items) => items.iter().for_each(texts),
        Value::Object(entries) => entries.values().for_each(texts),
        _ => {}
    }
}

fn walk(update: &Update<'_>) {
    let interval = update.interval();
    match *update {
        Update::SpotOrders { orders, .. } => each(orders, |order| {
            assert!(!(order.is_open() && order.is_terminal()));
            assert_eq!(order.fill().is_some(), order.detail_id.is_some());
            assert_eq!(order.to_owned().view(), order);
        }),
        Update::SpotBalances { changes, .. } => each(changes, |change| {
            each(change.details, |balance| {
                assert_eq!(balance.to_owned().view(), balance);
            });
            assert_eq!(change.to_owned().view(), change);
            assert_eq!(change.event_type.to_string(), change.event_type.as_str());
        }),
        Update::SpotTickers { tickers, .. } => each(tickers, |ticker| {
            assert_eq!(
                ticker.time().is_some(),
                ticker.ms_t.is_some() || ticker.s_t.is_some()
            );
            assert_eq!(ticker.to_owned().view(), ticker);
        }),
        Update::SpotBookTickers { tickers, .. } => {
            each(tickers, |ticker| assert_eq!(ticker.to_owned().view(), ticker));
        }
        Update::SpotKlines { klines, .. } => each(klines, |kline| {
            opens(interval, kline.candle.time, |interval| {
                kline.candle.open_time(interval)
            });
            assert_eq!(kline.to_owned().view(), kline);
        }),
        Update::SpotDepths { books, .. } => each(books, |book| {
            sides([book.asks, book.bids]);
            assert_eq!(book.to_owned().view(), book);
        }),
        Update::SpotDepthUpdates { updates, .. } => each(updates, |update| {
            sides([update.asks, update.bids]);
            let _ = (
                update.step(None),
                update.step(Some(update.version)),
                update.step(Some(u64::MAX)),
            );
            assert_eq!(update.to_owned().view(), update);
        }),
        Update::SpotTrades { trades, .. } => each(trades, |trade| {
            assert!(trade.price.is_number() && trade.size.is_number());
            assert_eq!(
                trade.time().is_some(),
                trade.ms_t.is_some() || trade.s_t.is_some()
            );
            assert_eq!(trade.to_owned().view(), trade);
        }),
        Update::FuturesOrders { orders, .. } => each(orders, |order| {
            assert!(!order.is_filled() || !order.is_canceled());
            assert!(!order.is_open() || !order.is_terminal());
            assert!(!order.is_partly_canceled() || order.is_canceled());
            assert!(!(order.side.is_buy() && order.side.is_sell()));
            let _ = (
                order.is_partly_filled(),
                order.executes_at_market(),
                order.action.to_string(),
            );
            assert_eq!(order.to_owned().view(), order);
        }),
        Update::FuturesPositions { positions, .. } => each(positions, |position| {
            assert!(position.hold_volume.is_number());
            assert_eq!(position.to_owned().view(), position);
        }),
        Update::FuturesAssets { assets, .. } => each(assets, |asset| {
            assert!(asset.available_balance.is_number());
            assert_eq!(asset.to_owned().view(), asset);
        }),
        Update::FuturesTickers { tickers, .. } => {
            each(tickers, |ticker| assert_eq!(ticker.to_owned().view(), ticker));
        }
        Update::FuturesBookTickers { tickers, .. } => {
            each(tickers, |ticker| assert_eq!(ticker.to_owned().view(), ticker));
        }
        Update::FuturesFundingRates { rates, .. } => {
            each(rates, |rate| assert_eq!(rate.to_owned().view(), rate));
        }
        Update::FuturesDepthSides { sides: pushes, .. } => each(pushes, |side| {
            sides([side.levels]);
            assert_eq!(side.to_owned().view(), side);
        }),
        Update::FuturesDepths { books, .. } => each(books, |book| {
            sides([book.asks, book.bids]);
            assert_eq!(book.to_owned().view(), book);
        }),
        Update::FuturesDepthUpdates { updates, .. } => each(updates, |update| {
            sides([update.asks, update.bids]);
            let _ = (update.step(None), update.step(Some(update.version)));
            assert_eq!(update.to_owned().view(), update);
        }),
        Update::FuturesTrades { trades, .. } => each(trades, |trade| {
            assert_eq!(trade.taker().is_some(), trade.buyer_is_maker.is_some());
            assert_eq!(trade.to_owned().view(), trade);
        }),
        Update::FuturesKlines { klines, .. } | Update::FuturesMarkPriceKlines { klines, .. } => {
            each(klines, |kline| {
                opens(interval, kline.time, |interval| kline.open_time(interval));
                assert_eq!(kline.to_owned().view(), kline);
            });
        }
        Update::Raw(_) => {}
        other => panic!("the fuzz target doesn't know {other:?}"),
    }
}

/// Items from the front, and how they are counted from the back.
fn each<L: List>(list: L, mut check: impl FnMut(L::Item)) {
    let mut count = 0;
    while let Some(item) = list.get(count) {
        check(item);
        count += 1;
    }
    assert_eq!((count, count == 0), (list.len(), list.is_empty()));
    assert!(list.get(usize::MAX).is_none());
}

fn sides<const N: usize>(sides: [BookSide<'_>; N]) {
    for side in sides {
        each(side, |level: Level<'_>| {
            assert!(level.price.is_number() && level.size.is_number());
            assert_eq!(level.is_removed(), level.size.to_scaled(0) == Ok(0));
        });
        assert_eq!(side.iter().rev().count(), side.len());
    }
}

fn opens(interval: Option<Interval>, time: TimeMs, open_time: impl Fn(Interval) -> TimeMs) {
    if let Some(interval) = interval {
        moment::check_floor(interval, time, open_time(interval));
    }
}
