//! Owned forms: the same as the view that they were made from, long after the message and the decoder are gone.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fmt::Debug;

use bitmart_proto::{Decoder, OpenType, OwnedUpdate, Update};
use support::{PUSHES, fixture, fixtures};

/// The message, decoded in the way asked for, as an owned update whose message and decoder are gone.
fn kept(text: &str) -> OwnedUpdate {
    let text = text.as_bytes().to_vec();
    let mut decoder = Decoder::new();
    let owned = decoder.decode(&text).unwrap().to_owned();
    // What the owned form might still point into is overwritten before it goes.
    decoder
        .decode(fixture("spot_orders_all_symbols").as_bytes())
        .unwrap();
    drop(decoder);
    drop(text);
    owned
}

/// An owned form of one item: what the tests below do with each.
trait Owned: Clone + PartialEq + Debug {
    type View<'a>: PartialEq + Debug
    where
        Self: 'a;

    fn view(&self) -> Self::View<'_>;

    fn again(view: &Self::View<'_>) -> Self;

    /// The owned form and its view, serialized.
    fn json(&self) -> Option<[String; 2]> {
        None
    }
}

macro_rules! owned {
    ($($view:ident => $owned:ident),+ $(,)?) => {
        $( impl Owned for bitmart_proto::$owned {
            type View<'a> = bitmart_proto::$view<'a>;

            fn view(&self) -> bitmart_proto::$view<'_> {
                self.view()
            }

            fn again(view: &bitmart_proto::$view<'_>) -> Self {
                bitmart_proto::$owned::from(*view)
            }

            #[cfg(feature = "serde")]
            fn json(&self) -> Option<[String; 2]> {
                Some([serde_json::to_string(self).unwrap(), serde_json::to_string(&self.view()).unwrap()])
            }
        } )+
    };
}

owned! {
    Balance => OwnedBalance,
    FuturesAsset => OwnedFuturesAsset,
    FuturesBookTicker => OwnedFuturesBookTicker,
    FuturesDepth => OwnedFuturesDepth,
    FuturesDepthSide => OwnedFuturesDepthSide,
    FuturesDepthUpdate => OwnedFuturesDepthUpdate,
    FuturesFill => OwnedFuturesFill,
    FuturesFundingRate => OwnedFuturesFundingRate,
    FuturesKline => OwnedFuturesKline,
    FuturesOrder => OwnedFuturesOrder,
    FuturesPosition => OwnedFuturesPosition,
    FuturesTicker => OwnedFuturesTicker,
    FuturesTrade => OwnedFuturesTrade,
    Level => OwnedLevel,
    SpotBalanceUpdate => OwnedSpotBalanceUpdate,
    SpotBookTicker => OwnedSpotBookTicker,
    SpotDepth => OwnedSpotDepth,
    SpotDepthUpdate => OwnedSpotDepthUpdate,
    SpotKline => OwnedSpotKline,
    SpotOrder => OwnedSpotOrder,
    SpotTicker => OwnedSpotTicker,
    SpotTrade => OwnedSpotTrade,
}

/// Checks the owned form of an item that a test still has the view of, and keeps it for later.
fn check<O: Owned + 'static>(owned: O, view: &O::View<'_>, shown: String, found: &mut Vec<Kept>) {
    assert_eq!(format!("{view:?}"), shown);
    assert_eq!(format!("{owned:?}"), shown);
    assert_eq!(O::again(view), owned);
    let copy = owned.clone();
    assert_eq!(copy, owned);
    drop(owned);
    if let Some([ours, viewed]) = copy.json() {
        assert_eq!(ours, viewed);
    }
    found.push(Kept {
        shown,
        again: Box::new(move || format!("{:?}", O::again(&copy.view()).view())),
    });
}

/// An owned form, and how the view that it was made from showed itself.
struct Kept {
    shown: String,
    again: Box<dyn Fn() -> String>,
}

/// The owned forms of all items of a message, and of what lies inside them.
fn items_of(update: Update<'_>) -> Vec<Kept> {
    let mut found = Vec::new();
    macro_rules! keep {
        ($items:expr) => {
            for item in $items {
                let owned = item.to_owned();
                assert_eq!(owned.view(), item);
                check(owned, &item, format!("{item:?}"), &mut found);
            }
        };
    }
    match update {
        Update::SpotOrders { orders, .. } => keep!(orders),
        Update::SpotBalances { changes, .. } => {
            keep!(changes);
            keep!(changes.iter().flat_map(|change| change.details));
        }
        Update::SpotTickers { tickers, .. } => keep!(tickers),
        Update::SpotBookTickers { tickers, .. } => keep!(tickers),
        Update::SpotKlines { klines, .. } => keep!(klines),
        Update::SpotDepths { books, .. } => {
            keep!(books);
            keep!(books.iter().flat_map(|book| book.asks.iter().chain(book.bids)));
        }
        Update::SpotDepthUpdates { updates, .. } => keep!(updates),
        Update::SpotTrades { trades, .. } => keep!(trades),
        Update::FuturesOrders { orders, .. } => {
            keep!(orders);
            keep!(orders.iter().filter_map(|order| order.last_trade));
        }
        Update::FuturesPositions { positions, .. } => keep!(positions),
        Update::FuturesAssets { assets, .. } => keep!(assets),
        Update::FuturesTickers { tickers, .. } => keep!(tickers),
        Update::FuturesBookTickers { tickers, .. } => keep!(tickers),
        Update::FuturesFundingRates { rates, .. } => keep!(rates),
        Update::FuturesDepthSides { sides, .. } => keep!(sides),
        Update::FuturesDepths { books, .. } => keep!(books),
        Update::FuturesDepthUpdates { updates, .. } => keep!(updates),
        Update::FuturesTrades { trades, .. } => keep!(trades),
        Update::FuturesKlines { klines, .. } | Update::FuturesMarkPriceKlines { klines, .. } => keep!(klines),
        Update::Raw(_) => {}
        other => panic!("unknown: {other:?}"),
    }
    found
}

#[test]
fn items_outlive_their_message() {
    let mut count = 0;
    for (name, text) in fixtures(PUSHES) {
        let owned = {
            let text = text.as_bytes().to_vec();
            let mut decoder = Decoder::new();
            let owned = items_of(decoder.decode(&text).unwrap());
            decoder.decode(fixture("spot_depth5").as_bytes()).unwrap();
            owned
        };
        for item in owned {
            assert_eq!((item.again)(), item.shown, "{name}");
            count += 1;
        }
    }
    assert!(count > 150, "only {count} items");
}

#[test]
fn updates_outlive_their_message() {
    for (name, text) in fixtures(PUSHES) {
        let owned = kept(text);
        let (mut decoder, mut general) = (Decoder::new(), Decoder::new());
        let update = decoder.decode(text.as_bytes()).unwrap();
        assert_eq!(owned.view(), update, "{name}");
        assert_eq!(owned.view().topic(), update.topic(), "{name}");
        assert_eq!(owned.view().interval(), update.interval(), "{name}");
        assert_eq!(format!("{owned:?}"), format!("{update:?}"), "{name}");
        assert_eq!(
            owned,
            OwnedUpdate::from(general.decode_general(text.as_bytes()).unwrap()),
            "{name}"
        );
        let copy = owned.clone();
        drop(owned);
        assert_eq!(copy, update.to_owned(), "{name}");
        assert_eq!(copy.view().to_owned(), copy, "{name}");
        // Items of an owned update can be owned in turn.
        for item in items_of(copy.view()) {
            assert_eq!((item.again)(), item.shown, "{name}");
        }
    }
}

/// Texts of a message with escapes lie elsewhere than those of one without.
#[test]
fn unescaped_texts_are_owned_too() {
    let text = fixture("futures_order_unknown_fields").replace("\"ETHUSDT\"", r#""\u0045TH\/\"USDT""#);
    assert_ne!(text, fixture("futures_order_unknown_fields"));
    let owned = kept(&text);
    let Update::FuturesOrders { topic, orders, .. } = owned.view() else {
        panic!("{owned:?}");
    };
    assert_eq!(
        (topic, orders.get(0).unwrap().symbol),
        ("futures/order", "ETH/\"USDT")
    );
    let owned = kept(fixture("raw_futures"));
    let Update::Raw(raw) = owned.view() else {
        panic!("{owned:?}");
    };
    assert_eq!((raw.symbol, raw.text), (Some("ETHUSDT"), fixture("raw_futures")));
}

#[test]
fn unequal_items_stay_unequal() {
    let owned = |name: &str| kept(fixture(name));
    assert_ne!(owned("spot_order_new"), owned("spot_order_filled"));
    assert_ne!(
        owned("futures_ticker"),
        owned("futures_ticker_all"),
        "the topics differ"
    );
    assert_ne!(owned("futures_klines_two"), owned("futures_kline"));
    let trades = owned("spot_trades_several");
    let Update::SpotTrades { trades, .. } = trades.view() else {
        panic!("{trades:?}");
    };
    let trade = |at| trades.get(at).unwrap().to_owned();
    assert_eq!(trade(0), trade(1));
    assert_ne!(trade(0), trade(2));
}

/// Words and codes that nobody knows, and a kind of margin that is a number.
#[test]
fn unknown_words_survive() {
    let owned = kept(fixture("futures_order_unknown_codes"));
    let Update::FuturesOrders { orders, .. } = owned.view() else {
        panic!("{owned:?}");
    };
    let order = orders.get(0).unwrap().to_owned();
    drop(owned);
    let order = order.view();
    assert_eq!((order.action.0, order.state.0, order.side.0), (77, 13, 9));
    assert_eq!(order.kind.unwrap().as_str(), "grid_order");
    assert_eq!(order.open_type, Some(OpenType::Unknown("portfolio")));
    assert_eq!(order.position_mode.unwrap().as_str(), "multi_mode");
    let text = fixture("futures_position").replace(r#""open_type":2"#, r#""open_type":9"#);
    let owned = kept(&text);
    let Update::FuturesPositions { positions, .. } = owned.view() else {
        panic!("{owned:?}");
    };
    let position = positions.get(0).unwrap().to_owned();
    assert_eq!(position.view().open_type, Some(OpenType::UnknownCode(9)));
    let text = fixture("spot_balance_padded_event").replace("ACCOUNT_TRANSFER", "Moon_Landing");
    let owned = kept(&text);
    let Update::SpotBalances { changes, .. } = owned.view() else {
        panic!("{owned:?}");
    };
    assert_eq!(
        changes.get(0).unwrap().to_owned().view().event_type.as_str(),
        "Moon_Landing"
    );
}

#[test]
fn owned_forms_may_be_sent() {
    fn is_sendable<T: Send + Sync + 'static>(_: &T) {}
    let owned = kept(fixture("futures_depth_all20"));
    is_sendable(&owned);
    let seen = std::thread::spawn(move || format!("{owned:?}")).join().unwrap();
    assert_eq!(seen, format!("{:?}", kept(fixture("futures_depth_all20"))));
}
