use std::fmt;

/// What a setting may be.
///
/// ```
/// use bitmart_session::Bounds;
///
/// const RETRIES: Bounds = Bounds {
///     field: "retries",
///     min: 1,
///     max: 5,
///     unit: "",
///     reason: "more would only annoy the exchange",
/// };
/// assert!(RETRIES.check(5).is_ok());
/// let error = RETRIES.check(6).unwrap_err();
/// assert_eq!(error.to_string(), "retries is 6, but must be 1 to 5: more would only annoy the exchange");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The setting's name, as its user writes it.
    pub field: &'static str,
    /// The least it may be.
    pub min: u64,
    /// The most it may be.
    pub max: u64,
    /// The unit, for a person: `ms`, for one. Empty for a plain number.
    pub unit: &'static str,
    /// Why.
    pub reason: &'static str,
}

impl Bounds {
    /// Looks at a value.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if it is outside.
    pub fn check(self, value: u64) -> Result<(), ConfigError> {
        if (self.min..=self.max).contains(&value) {
            return Ok(());
        }
        Err(ConfigError { bounds: self, value })
    }
}

/// A setting that can't be used. The mistake is the caller's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    bounds: Bounds,
    value: u64,
}

impl ConfigError {
    /// The setting's name.
    #[must_use]
    pub fn field(&self) -> &'static str {
        self.bounds.field
    }

    /// What it was set to.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.value
    }

    /// What it may be.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bounds {
            field,
            min,
            max,
            unit,
            reason,
        } = self.bounds;
        let space = if unit.is_empty() { "" } else { " " };
        write!(
            f,
            "{field} is {}{space}{unit}, but must be {min} to {max}{space}{unit}: {reason}",
            self.value
        )
    }
}

impl std::error::Error for ConfigError {}
