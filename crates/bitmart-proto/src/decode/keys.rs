//! Keys of messages as they stand in the text, and finding one among a record's.

/// A key as it stands in a message: its quotes and the colon with it. `N` is the name's length and three more.
pub(crate) const fn key_and_colon<const N: usize>(name: &str) -> [u8; N] {
    let name = name.as_bytes();
    assert!(name.len() + 3 == N, "a key has two quotes and a colon");
    let mut key = [b'"'; N];
    let mut at = 0;
    while at < name.len() {
        key[at + 1] = name[at];
        at += 1;
    }
    key[N - 1] = b':';
    key
}

/// The same with what stands before it: a comma, or an opening bracket.
pub(crate) const fn key_behind<const N: usize>(before: u8, name: &str) -> [u8; N] {
    let name = name.as_bytes();
    assert!(
        name.len() + 4 == N,
        "a key has two quotes, a colon, and something before it"
    );
    let mut key = [b'"'; N];
    key[0] = before;
    let mut at = 0;
    while at < name.len() {
        key[at + 2] = name[at];
        at += 1;
    }
    key[N - 1] = b':';
    key
}

/// A hash table of a record's keys in which each has a place of its own, made by the compiler.
///
/// It says which key a name can be, not that it is that one: whoever asks compares.
pub(crate) struct KeyTable {
    factor: u32,
    places: [u8; PLACES],
}

const PLACES: usize = 128;

/// Nobody's place.
const NO_KEY: u8 = u8::MAX;

impl KeyTable {
    /// A table of the names at the front of these pairs. That a factor is found that keeps them apart is seen when the
    /// crate is compiled.
    pub(crate) const fn new<K>(keys: &[(&str, K)]) -> Self {
        assert!(keys.len() < NO_KEY as usize, "a record has few keys");
        let mut factor = 0x9e37_79b1_u32;
        let mut tries = 0;
        while tries < 5_000 {
            if let Some(places) = Self::places(keys, factor) {
                return Self { factor, places };
            }
            // Odd factors, in an order that looks like none.
            factor = factor.wrapping_mul(1_664_525).wrapping_add(1_013_904_222) | 1;
            tries += 1;
        }
        panic!("no factor keeps these keys apart");
    }

    const fn places<K>(keys: &[(&str, K)], factor: u32) -> Option<[u8; PLACES]> {
        let mut places = [NO_KEY; PLACES];
        let mut index = 0;
        while index < keys.len() {
            let place = place(keys[index].0.as_bytes(), factor);
            if places[place] != NO_KEY {
                return None;
            }
            places[place] = index as u8;
            index += 1;
        }
        Some(places)
    }

    /// The index of the one key that the name can be.
    #[inline(always)]
    pub(crate) fn candidate(&self, name: &[u8]) -> usize {
        usize::from(self.places[place(name, self.factor)])
    }
}

/// A few bytes of the name and its length make the hash: the keys of one message differ in them.
#[inline(always)]
const fn place(name: &[u8], factor: u32) -> usize {
    let length = name.len();
    if length == 0 {
        return 0;
    }
    let ends = name[0] as u32 | (name[length - 1] as u32) << 24;
    let inside = (name[length / 2] as u32) << 8 | (name[length.saturating_sub(2)] as u32) << 16;
    ((ends | inside) ^ (length as u32).wrapping_mul(0x0101_0101)).wrapping_mul(factor) as usize
        >> (u32::BITS - PLACES.trailing_zeros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_finds_its_place() {
        const KEYS: [(&str, u8); 8] = [
            ("last_fill_time", 0),
            ("last_fill_price", 1),
            ("last_fill_count", 2),
            ("fundingRate", 3),
            ("fundingTime", 4),
            ("o", 5),
            ("h", 6),
            ("ts", 7),
        ];
        const TABLE: KeyTable = KeyTable::new(&KEYS);
        for (index, (name, _)) in KEYS.iter().enumerate() {
            assert_eq!(TABLE.candidate(name.as_bytes()), index, "{name}");
        }
        // Any other name has a candidate or none, and is none of the keys.
        for name in ["", "x", "last_fill", "é", "fundingrate"] {
            let candidate = TABLE.candidate(name.as_bytes());
            assert!(KEYS.get(candidate).is_none_or(|(key, _)| *key != name), "{name}");
        }
    }
}
