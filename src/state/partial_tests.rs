use super::*;

fn head() -> PartialHead {
    PartialHead { size: 100, tag: "\"t\"".to_owned(), content_type: None, ending: "mp3".to_owned() }
}

fn kept(partial: &mut Partial) -> Option<Vec<u8>> {
    partial.resume()?;
    let mut bytes = Vec::new();
    while let Some(piece) = partial.piece() {
        bytes.extend_from_slice(&piece);
    }
    Some(bytes)
}

#[test]
fn what_was_cut_anywhere_gives_a_true_beginning_and_can_be_gone_on_with() {
    let folder = tempfile::tempdir().expect("a folder");
    let partials = Partials::beside(&folder.path().join("ledger.db"), "call_audio");
    let mut partial = partials.open("7");
    partial.begin(&head());
    partial.add(b"one");
    partial.add(b"two");
    let whole = std::fs::read(&partial.path).expect("a file");
    for cut in 0..=whole.len() {
        std::fs::write(&partial.path, &whole[..cut]).expect("writable");
        let mut again = partials.open("7");
        let Some(bytes) = kept(&mut again) else { continue };
        assert!(b"onetwo".starts_with(&bytes[..]), "{cut}: {bytes:?}");
        again.add(b"three");
        let mut wanted = bytes;
        wanted.extend_from_slice(b"three");
        assert_eq!(kept(&mut partials.open("7")), Some(wanted), "{cut}");
    }
    assert_eq!(kept(&mut partials.open("7")), Some(b"onetwothree".to_vec()));
}

#[test]
fn a_damaged_frame_ends_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let partials = Partials::beside(&folder.path().join("ledger.db"), "call_audio");
    let mut partial = partials.open("7");
    partial.begin(&head());
    partial.add(b"one");
    partial.add(b"two");
    let mut bytes = std::fs::read(&partial.path).expect("a file");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&partial.path, bytes).expect("writable");
    assert_eq!(kept(&mut partials.open("7")), Some(b"one".to_vec()));
}

#[test]
fn what_nobody_wants_is_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let partials = Partials::beside(&folder.path().join("ledger.db"), "call_audio");
    for id in ["7", "8"] {
        partials.open(id).begin(&head());
    }
    partials.sweep(|id| id == "8");
    assert_eq!(kept(&mut partials.open("7")), None);
    assert!(kept(&mut partials.open("8")).is_some());
}
