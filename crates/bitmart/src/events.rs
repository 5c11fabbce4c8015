use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use atomic_waker::AtomicWaker;
use futures_core::Stream;
use tokio::sync::watch;

use crate::Event;
use crate::queue::Queue;
use crate::routing::Stop;

/// Everything that comes in and happens on a client's connections; there is one per client.
///
/// ```no_run
/// # async fn example(mut events: bitmart::Events) {
/// while let Some(event) = events.next().await {
///     println!("{}: {:?}", event.connection, event.kind);
/// }
/// # }
/// ```
///
/// The events of one connection come in the order in which they happened; connections take turns. It ends when the
/// client was closed (or every handle to it dropped, and no connection was left) and all has been read.
///
/// A login that is refused for good ends its connection, but not this: other connections may go on, and others may be
/// opened.
///
/// Dropping it closes the client's connections: without a reader they would have no purpose.
pub struct Events {
    hub: Arc<Hub>,
    queues: Vec<Arc<Queue>>,
    /// The queue whose turn it is.
    turn: usize,
    /// Tells the tasks that the consumer is gone.
    stop: Arc<watch::Sender<Stop>>,
}

/// What the consumer shares with the client.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    /// The queues that the consumer has not seen yet.
    added: Mutex<Vec<Arc<Queue>>>,
    has_added: AtomicBool,
    pub(crate) waker: Arc<AtomicWaker>,
    /// No further queue will be added.
    is_complete: AtomicBool,
}

impl Hub {
    pub(crate) fn add(&self, queue: Arc<Queue>) {
        self.added
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(queue);
        self.has_added.store(true, Ordering::Release);
        self.waker.wake();
    }

    pub(crate) fn complete(&self) {
        self.is_complete.store(true, Ordering::Release);
        self.waker.wake();
    }
}

impl Events {
    pub(crate) fn new(hub: Arc<Hub>, stop: Arc<watch::Sender<Stop>>) -> Self {
        Self {
            hub,
            queues: Vec::new(),
            turn: 0,
            stop,
        }
    }

    /// The next event; `None` once there will be none any more.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future loses no event.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        // A new connection has its turn also when the others always have something.
        if self.hub.has_added.load(Ordering::Relaxed) {
            self.refresh();
        }
        if let Some(event) = self.take() {
            return Poll::Ready(Some(event));
        }
        self.hub.waker.register(cx.waker());
        // What came between the look and the registration has woken nobody.
        let is_complete = self.hub.is_complete.load(Ordering::Acquire);
        self.refresh();
        if let Some(event) = self.take() {
            return Poll::Ready(Some(event));
        }
        if is_complete && self.queues.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Pending
    }

    fn take(&mut self) -> Option<Event> {
        for _ in 0..self.queues.len() {
            self.turn = (self.turn + 1) % self.queues.len();
            if let Some(event) = self.queues[self.turn].pop() {
                return Some(event);
            }
        }
        None
    }

    /// Takes in the queues of new connections and drops those of ended ones.
    fn refresh(&mut self) {
        self.queues.retain(|queue| !queue.is_done());
        self.hub.has_added.store(false, Ordering::Relaxed);
        let mut added = self.hub.added.lock().unwrap_or_else(PoisonError::into_inner);
        self.queues.append(&mut added);
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.stop.send_modify(|stop| stop.all = true);
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.get_mut().poll_event(cx)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("connections", &self.queues.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Update;
    use crate::queue::Times;
    use crate::{EventKind, Overflow, QueueLimits};
    use bitmart_proto::{Market, Side};
    use bitmart_session::{ConnectionId, Epoch, Moment};

    fn queue(hub: &Hub, market: Market) -> Arc<Queue> {
        let id = ConnectionId::new(market, Side::Public);
        let queue = Queue::new(id, QueueLimits::default(), Overflow::Gap, hub.waker.clone());
        let queue = Arc::new(queue);
        hub.add(queue.clone());
        queue
    }

    fn push(queue: &Queue) {
        let update = || EventKind::Update(Update::new(b"x", 1));
        let anchor = Moment { ns: 0, unix_ms: 0 };
        queue.push_message(Times::at(1), anchor, Epoch(1), 1, update, std::iter::empty);
    }

    #[tokio::test]
    async fn a_new_connection_has_its_turn_beside_a_busy_one() {
        let hub = Arc::new(Hub::default());
        let mut events = Events::new(hub.clone(), Arc::new(watch::Sender::new(Stop::default())));
        let busy = queue(&hub, Market::Spot);
        push(&busy);
        push(&busy);
        events.next().await.unwrap();
        let new = queue(&hub, Market::Futures);
        push(&new);
        let mut turns = 0;
        while events.next().await.unwrap().connection.market == Market::Spot {
            push(&busy);
            turns += 1;
            assert!(turns < 10, "connections take turns");
        }
    }
}
