//! The messages as one would write them for serde: borrowed texts, integers where the wire has integers, optional
//! where the wire may leave a field out. They name the same fields as `bitmart-proto`.
#![allow(missing_docs, reason = "the names are the wire's")]

pub mod futures;
pub mod spot;

use std::borrow::Cow;
use std::hint::black_box;

use serde::{Deserialize, Serialize};

/// Makes everything in a value exist in memory, down to the last level.
pub trait Consume: Sized {
    fn consume(&self) {
        black_box(self);
    }
}

impl<T: Consume> Consume for Vec<T> {
    fn consume(&self) {
        self.iter().for_each(T::consume);
    }
}

/// A reply of either market. Errors may hold escapes, so their texts may have to be copied.
#[derive(Debug, Deserialize, Serialize)]
pub struct Reply<'a> {
    pub event: Option<&'a str>,
    pub action: Option<&'a str>,
    pub topic: Option<&'a str>,
    pub group: Option<&'a str>,
    pub success: Option<bool>,
    #[serde(rename = "errorCode")]
    pub error_code: Option<&'a str>,
    #[serde(borrow, rename = "errorMessage")]
    pub error_message: Option<Text<'a>>,
    #[serde(borrow)]
    pub error: Option<Text<'a>>,
}

/// A text that is copied only if it holds escapes. By itself, an `Option<Cow<str>>` is always copied.
#[derive(Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Text<'a> {
    #[serde(borrow)]
    pub text: Cow<'a, str>,
}

impl Consume for Reply<'_> {}
