//! Messages that borrow from nothing.

use std::fmt;

use crate::decode::record::{Lists, Source, Span, append};
use crate::update::{OwnedRows, Update};

/// Makes the owned form of what one `record!` describes.
macro_rules! owned {
    ($owned:ident, $view:ident, $raw:ident) => {
        #[doc = concat!("A [`", stringify!($view), "`] that borrows from nothing: to keep, to send, to compare later.")]
        ///
        #[doc = concat!("Made by [`", stringify!($view), "::to_owned`]. ")]
        #[doc = concat!("It is read through [`view`](Self::view), which is a [`", stringify!($view), "`] again. All its")]
        /// texts lie in one allocation, so a copy costs little.
        #[derive(Clone)]
        pub struct $owned {
            store: $crate::decode::record::Store,
            raw: $raw,
        }

        impl $owned {
            /// What it holds.
            #[must_use]
            pub fn view(&self) -> $view<'_> {
                use $crate::decode::record::Record;
                self.raw.view(self.store.source())
            }
        }

        impl $view<'_> {
            /// A copy that borrows from nothing. Allocates once for all texts, and once or twice for each kind of list
            /// inside.
            #[must_use]
            pub fn to_owned(&self) -> $owned {
                let (store, raw) = $crate::decode::record::Store::of(|| *self);
                $owned { store, raw }
            }
        }

        impl From<$view<'_>> for $owned {
            fn from(view: $view<'_>) -> Self {
                view.to_owned()
            }
        }

        impl PartialEq for $owned {
            fn eq(&self, other: &Self) -> bool {
                self.view() == other.view()
            }
        }

        impl Eq for $owned {}

        impl std::fmt::Debug for $owned {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&self.view(), f)
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $owned {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.view().serialize(serializer)
            }
        }
    };
}

pub(crate) use owned;

/// An [`Update`] that borrows from nothing: to keep, or to send to another thread.
///
/// Made by [`Update::to_owned`], read through [`view`](Self::view). It holds the message's text and what was found in
/// it, so neither making nor reading it decodes anything.
///
/// ```
/// use bitmart_proto::{Decoder, Update};
///
/// let mut decoder = Decoder::new();
/// let kept = {
///     let text = br#"{"data":[{"symbol":"BTC_USDT","order_id":"17","order_state":"filled"}],"table":"spot/user/order"}"#.to_vec();
///     decoder.decode(&text)?.to_owned()
/// };
/// let Update::SpotOrders { orders, .. } = kept.view() else { panic!() };
/// assert_eq!(orders.get(0).unwrap().order_id, "17");
/// # Ok::<(), bitmart_proto::DecodeError>(())
/// ```
#[derive(Clone)]
pub struct OwnedUpdate {
    pub(crate) text: Box<str>,
    pub(crate) topic: Span,
    pub(crate) lists: Lists,
    pub(crate) rows: OwnedRows,
}

impl OwnedUpdate {
    /// What it holds.
    #[must_use]
    pub fn view(&self) -> Update<'_> {
        let source = Source {
            text: &self.text,
            lists: &self.lists,
        };
        self.rows.view(source.text(self.topic), source)
    }

    /// Copies what the rows of an update point into, and puts the topic behind it.
    pub(crate) fn new(topic: &str, source: Source<'_>, rows: OwnedRows) -> Self {
        let mut text = String::with_capacity(source.text.len() + topic.len() + 1);
        text.push_str(source.text);
        let topic = append(&mut text, topic);
        Self {
            text: text.into_boxed_str(),
            topic,
            lists: source.lists.clone(),
            rows,
        }
    }
}

impl Update<'_> {
    /// A copy that borrows from nothing. Copies the message's text and what was found in it: at most four
    /// allocations, however many items there are.
    #[must_use]
    pub fn to_owned(&self) -> OwnedUpdate {
        self.copy()
    }
}

impl From<Update<'_>> for OwnedUpdate {
    fn from(update: Update<'_>) -> Self {
        update.to_owned()
    }
}

impl PartialEq for OwnedUpdate {
    fn eq(&self, other: &Self) -> bool {
        self.view() == other.view()
    }
}

impl Eq for OwnedUpdate {}

impl fmt::Debug for OwnedUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.view(), f)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for OwnedUpdate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.view().serialize(serializer)
    }
}
