//! The two ways of decoding beside one another, and nothing else: many executions in little time.

use std::cell::RefCell;

use bitmart_proto::Decoder;

thread_local! {
    /// Kept from one input to the next, like a connection's.
    static DECODERS: RefCell<[Decoder; 2]> = RefCell::new([Decoder::new(), Decoder::new()]);
}

/// What the predicted way reads in a line, the general way reads as well, and the same.
pub(crate) fn run(data: &[u8]) {
    DECODERS.with_borrow_mut(|[predicted, general]| {
        for text in data.split(|&byte| byte == b'\n') {
            let Some(update) = predicted.decode_predicted(text) else {
                continue;
            };
            match general.decode_general(text) {
                Ok(other) => assert_eq!(update, other, "{}", text.escape_ascii()),
                Err(error) => panic!("predicted, but {error}: {}", text.escape_ascii()),
            }
        }
    });
}
