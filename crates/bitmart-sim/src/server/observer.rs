//! Who is told of every push, beside the clients.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use bitmart_proto::{Environment, Market};

/// A push, as an observer sees it; see [`Builder::on_push`](crate::Builder::on_push).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PushRecord<'a> {
    /// Counts the pushes of a simulator, from 1.
    pub number: u64,
    /// The environment it is said in.
    pub environment: Environment,
    /// The market it is said on.
    pub market: Market,
    /// The number of the account that it is for, in the order in which they were given, from 0; `None` if everyone may
    /// hear it.
    pub account: Option<usize>,
    /// Whether it is said to one connection alone: the present value behind an acknowledgement, or what `request` is
    /// answered with. Then it may repeat what was said to all.
    pub is_for_one: bool,
    /// The topic that one subscribes to in order to hear it.
    pub topic: &'a str,
    /// The message: JSON.
    pub payload: &'a str,
}

type Observe = dyn Fn(&PushRecord<'_>) + Send + Sync;

/// Is told of the pushes, and wants some made that nobody follows.
#[derive(Clone, Default)]
pub(crate) struct Observer {
    pub(crate) observe: Option<Arc<Observe>>,
    pub(crate) always: BTreeSet<(Market, String)>,
}

impl Observer {
    pub(crate) fn tell(&self, record: &PushRecord<'_>) {
        if let Some(observe) = &self.observe {
            observe(record);
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer")
            .field("always", &self.always)
            .finish_non_exhaustive()
    }
}
