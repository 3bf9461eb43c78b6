//! Whatever happens to a queue's file, all that can still be read of it comes out in order, once,
//! as it was written; the file is kept as it was; what is said of it is true.
#![allow(clippy::unwrap_used, reason = "tests")]

mod outbox;

use std::fs;
use std::iter;
use std::ops::Range;
use std::thread;

use outbox::{FRAME, Fault, Outbox, PAGE, batch, log_of, numbers};
use user_metadata_log::{DiskQueue, LogSync};

/// Enough batches for two levels of inner pages.
const HIGH: u64 = 4_000;

/// Numbers that are the same in every run.
fn random(mut seed: u64) -> impl FnMut(usize) -> usize {
    move |below| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).unwrap()
    }
}

/// Some bits of each of these parts of a file.
fn flips(parts: impl IntoIterator<Item = Range<usize>>, each: usize) -> Vec<Fault> {
    let mut random = random(0x5eed);
    let mut flips = Vec::new();
    for part in parts {
        for _ in 0..each {
            let at = part.start + random(part.len());
            flips.push(Fault::Flip(at, random(8) as u8));
        }
    }
    flips
}

fn page(page: usize) -> Range<usize> {
    page * PAGE..(page + 1) * PAGE
}

/// Checks all, a few at a time: most of it is waiting for the disk.
fn each(faults: &[Fault], check: impl Fn(&Fault) + Sync) {
    thread::scope(|threads| {
        for some in faults.chunks(faults.len().div_ceil(4)) {
            threads.spawn(|| some.iter().for_each(&check));
        }
    });
}

/// A flipped bit costs the batch that it stands in, and nothing comes back.
fn check_flips(outbox: &Outbox, faults: &[Fault]) {
    each(faults, |fault| {
        let Some(opened) = outbox.open(false, fault) else {
            return;
        };
        let Fault::Flip(at, _) = fault else { panic!() };
        opened.check(fault, &outbox.database[page(at / PAGE)]);
        assert!(opened.lost.len() <= 1, "{fault:?}: {opened:?}");
        assert!(opened.returned.is_empty(), "{fault:?}: {opened:?}");
    });
}

#[test]
fn a_flipped_bit_in_the_first_page_costs_nothing() {
    let outbox = Outbox::new(400, true);
    let every_byte = (0..100).flat_map(|at| [at % 8, (at + 3) % 8].map(|bit| (at, bit)));
    let formats = (44..48)
        .chain(60..72)
        .flat_map(|at| (0..8).map(move |bit| (at, bit)));
    let faults = every_byte.chain(formats);
    let faults = faults.map(|(at, bit)| Fault::Flip(at, bit as u8));
    check_flips(&outbox, &faults.collect::<Vec<_>>());
    check_flips(&outbox, &flips([100..116, 3_700..PAGE, 0..PAGE], 24));
}

#[test]
fn a_flipped_bit_elsewhere_costs_one_batch_at_the_most() {
    // Pointers and the like are at the start of a page.
    let structure = |page: &usize| page * PAGE..page * PAGE + 24;
    let outbox = Outbox::new(400, true);
    check_flips(&outbox, &flips([structure(&1)], 48));
    let leaves = outbox.pages_of_kind(0x0d).into_iter().step_by(10);
    check_flips(
        &outbox,
        &flips(leaves.clone().map(|page| structure(&page)), 6),
    );
    let others = outbox.pages_of_kind(0x00).into_iter().step_by(10);
    check_flips(&outbox, &flips(leaves.chain(others).map(page), 4));
    let high = Outbox::new(HIGH, true);
    let interior = high.pages_of_kind(0x05);
    assert!(interior.len() > 1);
    check_flips(&high, &flips(interior.iter().map(structure), 4));
    check_flips(&high, &flips(interior.into_iter().map(page), 4));
}

#[test]
fn zeros_and_a_torn_end_cost_what_stood_there() {
    for batches in [400, HIGH] {
        let outbox = Outbox::new(batches, true);
        let (length, pages) = (outbox.database.len(), outbox.database.len() / PAGE);
        let mut faults: Vec<Fault> = [1, 100, 4_095, 4_096, 8_192, 8_193]
            .into_iter()
            .chain([length / 3, length / 2 + 100, length - PAGE, length - 1])
            .map(Fault::Cut)
            .collect();
        let zeros = [
            0..1,
            1..2,
            0..2,
            pages / 2..pages / 2 + 20,
            pages - 1..pages,
        ];
        faults.extend(zeros.map(Fault::zeroed_pages));
        let interior = outbox.pages_of_kind(0x05);
        faults.extend(
            interior
                .into_iter()
                .map(|page| Fault::zeroed_pages(page..page + 1)),
        );
        each(&faults, |fault| {
            let opened = outbox.open(false, fault).unwrap();
            opened.check(fault, fault.harmed(&outbox.database));
            // Without the tree and the list of free pages nobody knows.
            let is_root_gone = matches!(fault, Fault::Zeros(part) if part.len() == 2 * PAGE);
            assert!(
                is_root_gone || opened.returned.is_empty(),
                "{fault:?}: {opened:?}"
            );
        });
    }
}

/// A log as a kill leaves it, with old frames behind the new ones.
#[test]
fn damage_to_a_log_or_beside_it_costs_what_stood_there() {
    let outbox = Outbox::new(600, false);
    let frames = (outbox.log.len() - 32) / FRAME;
    let frame = |frame: usize| 32 + frame * FRAME..32 + (frame + 1) * FRAME;
    let mut faults = flips(iter::once(0..32), 32);
    let some = (0..frames).step_by(frames / 40);
    faults.extend(flips(
        some.clone().map(|n| frame(n).start..frame(n).start + 24),
        3,
    ));
    faults.extend(flips(some.map(frame), 2));
    each(&faults, |fault| {
        let opened = outbox.open(true, fault).unwrap();
        let Fault::Flip(at, _) = fault else { panic!() };
        let harmed = frame(at.saturating_sub(32) / FRAME);
        opened.check(fault, &outbox.log[harmed]);
        assert!(opened.lost.len() <= 1, "{fault:?}: {opened:?}");
        // What the same page had before.
        assert!(opened.returned.len() <= 10, "{fault:?}: {opened:?}");
    });
    let faults = [1, 3, 20].into_iter().flat_map(|count| {
        let firsts = (0..frames - count).step_by(frames / 12);
        firsts.map(move |first| Fault::Zeros(frame(first).start..frame(first + count).start))
    });
    each(&faults.collect::<Vec<_>>(), |fault| {
        let opened = outbox.open(true, fault).unwrap();
        opened.check(fault, fault.harmed(&outbox.log));
    });
    let pages = outbox.database.len() / PAGE;
    let zeros = [0..1, 1..2, 0..pages, pages / 2..pages / 2 + 9].map(Fault::zeroed_pages);
    let cuts = [0, 1, PAGE, 2 * PAGE + 5, outbox.database.len() / 2].map(Fault::Cut);
    each(&[&zeros[..], &cuts[..]].concat(), |fault| {
        let opened = outbox.open(false, fault).unwrap();
        opened.check(fault, fault.harmed(&outbox.database));
    });
}

#[test]
fn a_log_that_is_cut_gives_what_was_there_before_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (live, path) = (dir.path().join("live.db"), dir.path().join("outbox.db"));
    let (mut queue, _) = DiskQueue::open(&live, LogSync::Normal).unwrap();
    let mut states = vec![(0, Vec::new())];
    for n in 1..=120 {
        let done = if n % 4 == 0 { vec![n - 3] } else { Vec::new() };
        queue.write(&batch(n), &done).unwrap();
        let length = fs::metadata(log_of(&live)).unwrap().len();
        states.push((length, numbers(&queue)));
    }
    let (database, log) = (fs::read(&live).unwrap(), fs::read(log_of(&live)).unwrap());
    let mut random = random(7);
    let mut cuts: Vec<usize> = (0..60).map(|_| random(log.len())).collect();
    cuts.extend(states.iter().map(|(length, _)| *length as usize));
    for cut in cuts {
        fs::write(&path, &database).unwrap();
        fs::write(log_of(&path), &log[..cut]).unwrap();
        let (queue, found) = DiskQueue::open(&path, LogSync::Normal).unwrap();
        let there = states.iter().rfind(|(length, _)| *length <= cut as u64);
        assert_eq!(&numbers(&queue), &there.unwrap().1, "{cut}");
        assert_eq!(found.damage, None, "{cut}");
        let is_torn = cut > 32 && (cut - 32) % FRAME != 0;
        assert_eq!(found.is_log_torn, is_torn, "{cut}");
    }
}
