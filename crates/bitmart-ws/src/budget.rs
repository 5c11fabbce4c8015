use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bitmart_session::Budget;

/// A [`Budget`] that several connections share.
///
/// The exchange counts new connections by address, so all of a process's connections share one unless told
/// otherwise: [`SharedBudget::process`]. Tests that open many connections to a loopback server give their own.
///
/// ```
/// use bitmart_ws::SharedBudget;
///
/// let mine = SharedBudget::new(1_000);
/// assert!(format!("{mine:?}").contains("SharedBudget"));
/// ```
#[derive(Clone, Debug)]
pub struct SharedBudget {
    inner: Arc<Mutex<Budget>>,
}

impl SharedBudget {
    /// A budget of `per_minute` connections to each host and port.
    #[must_use]
    pub fn new(per_minute: u32) -> Self {
        Self::from(Budget::new(per_minute))
    }

    /// The budget of this process: what the exchange documents, 30 a minute.
    #[must_use]
    pub fn process() -> Self {
        static PROCESS: OnceLock<SharedBudget> = OnceLock::new();
        PROCESS.get_or_init(|| Self::from(Budget::default())).clone()
    }

    pub(crate) fn reserve(&self, now: u64, host: &str, port: u16) -> u64 {
        self.inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .reserve(now, host, port)
    }

    pub(crate) fn opens_at(&self, now: u64, host: &str, port: u16) -> u64 {
        self.inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .opens_at(now, host, port)
    }

    pub(crate) fn cool_off(&self, now: u64, host: &str, port: u16, until: u64) {
        self.inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .cool_off(now, host, port, until);
    }
}

impl From<Budget> for SharedBudget {
    fn from(budget: Budget) -> Self {
        Self {
            inner: Arc::new(Mutex::new(budget)),
        }
    }
}

impl Default for SharedBudget {
    fn default() -> Self {
        Self::process()
    }
}
