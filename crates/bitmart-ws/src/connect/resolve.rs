use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread;

use tokio::sync::{Semaphore, oneshot};

use super::BoxFuture;

/// How many lookups of [`SystemResolver`] run at a time in a process. A lookup that hangs can't be cancelled
/// and keeps its thread, so their number has to have an end; with two markets and two sides, four is one for
/// each.
pub const MAX_LOOKUPS: usize = 4;

/// Turns a host name into addresses.
///
/// The seam for tests, and for whoever has a resolver of their own. It is asked at each attempt to connect,
/// never for hosts that are IP addresses, and raced against the deadline: a future that hangs is dropped.
pub trait Resolve: Send + Sync {
    /// The addresses of `host`, each with `port`, best first.
    ///
    /// # Errors
    ///
    /// Whatever kept it from an answer. That the name has no address may be an error or an empty list.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

/// The operating system's resolver, `getaddrinfo`. The default.
///
/// `getaddrinfo` blocks and can't be cancelled. On the runtime's own pool for blocking work, a lookup that
/// hangs would keep the runtime from shutting down; so lookups run on detached threads, at most
/// [`MAX_LOOKUPS`] in a process. One more waits until another is over, or until its deadline.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let host = host.to_owned();
        Box::pin(on_own_thread(&LOOKUPS, move || {
            Ok((host.as_str(), port).to_socket_addrs()?.collect())
        }))
    }
}

static LOOKUPS: Semaphore = Semaphore::const_new(MAX_LOOKUPS);

/// Runs a blocking lookup on a thread that holds one of the permits, and that nobody waits for if this future
/// is dropped.
async fn on_own_thread<T: Send + 'static>(
    permits: &'static Semaphore,
    lookup: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let permit = permits.acquire().await.map_err(io::Error::other)?;
    let (sender, receiver) = oneshot::channel();
    thread::Builder::new().name("bitmart-dns".into()).spawn(move || {
        let result = lookup();
        drop(permit);
        // Nobody waits any more if the deadline has passed.
        let _ = sender.send(result);
    })?;
    receiver
        .await
        .map_err(|_| io::Error::other("the lookup's thread ended without an answer"))?
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn localhost_is_found() {
        let addresses = SystemResolver.resolve("localhost", 4321).await.unwrap();
        assert!(!addresses.is_empty());
        assert!(
            addresses
                .iter()
                .all(|address| address.ip().is_loopback() && address.port() == 4321)
        );
    }

    #[test]
    fn a_hung_lookup_neither_holds_up_the_runtime_nor_the_other_lookups() {
        static PERMITS: Semaphore = Semaphore::const_new(2);
        let (release, hang) = mpsc::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let hung = on_own_thread(&PERMITS, move || hang.recv().map_err(io::Error::other));
            let hung = tokio::time::timeout(Duration::from_millis(10), hung).await;
            assert!(hung.is_err(), "the deadline ends it");
            assert_eq!(PERMITS.available_permits(), 1, "its thread still counts");
            assert_eq!(on_own_thread(&PERMITS, || Ok(7)).await.unwrap(), 7);
        });
        drop(runtime); // would block here, had the lookup been on the runtime's pool
        release.send(()).unwrap();
    }

    #[tokio::test]
    async fn lookups_over_the_bound_wait_and_a_panic_gives_its_permit_back() {
        static PERMITS: Semaphore = Semaphore::const_new(1);
        for round in 0..3 {
            let result =
                on_own_thread(&PERMITS, move || -> io::Result<()> { panic!("lookup {round}") }).await;
            assert!(result.is_err());
        }
        let (release, hang) = mpsc::channel::<()>();
        let first = tokio::spawn(on_own_thread(&PERMITS, move || {
            hang.recv().map_err(io::Error::other)
        }));
        let second = tokio::spawn(on_own_thread(&PERMITS, || Ok("second")));
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        release.send(()).unwrap();
        first.await.unwrap().unwrap();
        assert_eq!(second.await.unwrap().unwrap(), "second");
    }
}
