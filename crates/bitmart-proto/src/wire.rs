//! Macros for what the exchange writes as a word or as a number out of a list. What isn't on the list is kept.

/// An enum over words. Reads them in any letter case (`docs/PROTOCOL.md`, *Quirks*).
macro_rules! wire_words {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$variant_meta:meta])* $variant:ident = $word:literal $(| $alias:literal)*, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name<'a> {
            $( $(#[$variant_meta])* $variant, )+
            /// A word we don't know, as the exchange wrote it.
            Unknown(&'a str),
        }

        impl<'a> $name<'a> {
            /// Reads the exchange's word, in any letter case.
            #[inline]
            #[must_use]
            pub fn new(word: &'a str) -> Self {
                match word {
                    $( $word $(| $alias)* => Self::$variant, )+
                    _ => Self::in_another_case(word),
                }
            }

            #[inline(never)]
            fn in_another_case(word: &'a str) -> Self {
                $( if word.eq_ignore_ascii_case($word) $(|| word.eq_ignore_ascii_case($alias))* {
                    return Self::$variant;
                } )+
                Self::Unknown(word)
            }

            /// The word as the exchange documents it; an unknown one as it came.
            #[must_use]
            pub fn as_str(self) -> &'a str {
                match self {
                    $( Self::$variant => $word, )+
                    Self::Unknown(word) => word,
                }
            }
        }

        impl std::fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl $crate::decode::fields::Word for $name<'static> {
            type Of<'a> = $name<'a>;

            #[inline]
            fn from_word(word: &str) -> $name<'_> {
                $name::new(word)
            }
        }

        impl<'a> $crate::decode::fields::IntoWord<'a> for $name<'a> {
            fn into_word(self) -> &'a str {
                self.as_str()
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

/// A newtype over integers, with a constant for each that has a meaning.
macro_rules! wire_codes {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$code_meta:meta])* $code:ident = $value:literal, $word:literal; )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub i64);

        impl $name {
            $( $(#[$code_meta])* pub const $code: Self = Self($value); )+

            /// What the number stands for, in our words; `None` for one that isn't documented.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $( Self::$code => Some($word), )+
                    _ => None,
                }
            }
        }

        impl From<i64> for $name {
            fn from(code: i64) -> Self {
                Self(code)
            }
        }

        impl From<$name> for i64 {
            fn from(code: $name) -> Self {
                code.0
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_i64(self.0)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.name() {
                    Some(name) => f.pad(name),
                    None => std::fmt::Display::fmt(&self.0, f),
                }
            }
        }
    };
}

pub(crate) use {wire_codes, wire_words};
