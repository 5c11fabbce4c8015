//! However the bytes are cut into pieces, the messages are the same.

use bitmart_reliability::weather::Weather;

use crate::rig::Play;

/// Steps of the story.
const STEPS: usize = 12;

fn every_chunking_is_the_same(play: Play, seeds: u64) {
    let play = Play { steps: STEPS, ..play };
    let fair = play.run(Weather::default());
    assert!(
        fair.losses() == 0 && fair.updates().len() >= 8,
        "{:?}",
        fair.names()
    );
    for seed in 0..seeds {
        for max_piece_bytes in [1, 2, 7, 64, 1_500] {
            let choppy = play.run(Weather::choppy(seed, max_piece_bytes));
            assert_eq!(
                choppy.names(),
                fair.names(),
                "{play:?}, seed {seed}, pieces of up to {max_piece_bytes}"
            );
            assert_eq!(choppy.updates(), fair.updates(), "{play:?}, seed {seed}");
        }
    }
}

#[test]
fn any_chunking_gives_the_same_messages() {
    for play in Play::plain() {
        every_chunking_is_the_same(play, 8);
    }
}

/// Failure mode 45: a write that is not flushed would wait for ever, or until the next.
#[test]
fn any_chunking_gives_the_same_messages_over_tls() {
    for play in Play::plain() {
        every_chunking_is_the_same(play.with_tls(), 2);
    }
}
