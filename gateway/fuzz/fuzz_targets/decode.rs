//! Any bytes in any encoding, cut anywhere: the same text as in one piece, and it ends.
#![no_main]

use std::iter::once;

use gateway::facade::imports::Decoder;
use gateway_fuzz::Way;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((way, file)) = Way::told(input) else {
        return;
    };
    let encoding = way.reading.encoding;
    let whole = decode(Decoder::new(encoding), once(file), usize::MAX);
    assert_eq!(whole, decode(Decoder::new(encoding), way.cut(file), usize::MAX));
    // A reader that takes what it is shown byte by byte.
    assert_eq!(whole, decode(Decoder::new(encoding), way.cut(file), 1));
});

fn decode<'f>(
    mut decoder: Decoder,
    pieces: impl Iterator<Item = &'f [u8]>,
    step: usize,
) -> (String, Vec<u8>) {
    let mut text = Vec::new();
    for piece in pieces {
        drain(&mut decoder, piece, step, &mut text);
    }
    decoder.end();
    drain(&mut decoder, &[], step, &mut text);
    (decoder.encoding().name().to_owned(), text)
}

fn drain(decoder: &mut Decoder, mut piece: &[u8], step: usize, text: &mut Vec<u8>) {
    loop {
        let shown = decoder.fill(&mut piece);
        let taken = shown.len().min(step);
        if taken == 0 {
            break;
        }
        text.extend_from_slice(&shown[..taken]);
        decoder.consume(taken, &mut piece);
    }
    assert!(piece.is_empty(), "bytes were left");
}
