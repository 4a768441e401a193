//! Times along a chain: which manifests are out of line.
//!
//! Backups are committed one after another, so the times at which they were
//! finished rise with their numbers. Where they do not, one clock was wrong or
//! somebody back-dated. Blamed is the manifest that contradicts the store's
//! time, or others for which the store vouches, else the one that contradicts the
//! most others; where nothing tells, both: a wrong clock must not make the good
//! backup beside it suspicious for longer than until the next one, and a
//! back-dated one must never be taken for an old one.

use jiff::{SignedDuration, Timestamp};

/// How far clocks may be apart before it counts as a lie.
pub const SKEW: SignedDuration = SignedDuration::from_hours(1);

/// The times of one manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Its number.
    pub seq: u64,
    /// By the writer's clock.
    pub started: Timestamp,
    /// By the writer's clock, just before the commit.
    pub finished: Timestamp,
    /// When the store received it.
    pub stored: Timestamp,
}

impl Times {
    /// Why it cannot be, whatever the others say.
    fn impossible(&self) -> Option<String> {
        if later(self.started, self.finished) {
            return Some(format!("was begun at {}, but finished at {}", self.started, self.finished));
        }
        // Copying a store makes this time later, never earlier.
        later(self.finished, self.stored)
            .then(|| format!("was finished at {}, but the store received it at {}", self.finished, self.stored))
    }

    /// Whether the store received it when it was finished, and not later than now.
    fn vouched(&self, now: Timestamp) -> bool {
        !later(self.stored, self.finished) && !later(self.stored, now)
    }
}

fn later(a: Timestamp, b: Timestamp) -> bool {
    a.duration_since(b) > SKEW
}

/// The manifests whose times are out of line, with the reason. `chain` is in the
/// order of the numbers, `now` the store's time.
pub fn judge(chain: &[Times], now: Timestamp) -> Vec<(u64, String)> {
    let mut blamed: Vec<(u64, String)> = Vec::new();
    let mut rest: Vec<&Times> = Vec::with_capacity(chain.len());
    for t in chain {
        match t.impossible() {
            Some(why) => blamed.push((t.seq, why)),
            None => rest.push(t),
        }
    }
    if rest.is_sorted_by_key(|t| t.finished) {
        return blamed;
    }
    let line = backbone(&rest, now);
    // The latest time before each, and the earliest behind it, of those in line.
    let mut before: Vec<Option<&Times>> = Vec::with_capacity(rest.len());
    let mut latest: Option<&Times> = None;
    for (t, in_line) in rest.iter().zip(&line) {
        before.push(latest);
        if *in_line && latest.is_none_or(|l| t.finished > l.finished) {
            latest = Some(t);
        }
    }
    let mut earliest: Option<&Times> = None;
    for ((t, in_line), before) in rest.iter().zip(&line).zip(before).rev() {
        if let Some(b) = before.filter(|b| later(b.finished, t.finished)) {
            let why = "time runs backwards: finished at";
            blamed.push((t.seq, format!("{why} {}, but #{} before it at {}", t.finished, b.seq, b.finished)));
        } else if let Some(e) = earliest.filter(|e| later(t.finished, e.finished)) {
            let why = "its clock was ahead, or those behind it are back-dated: finished at";
            blamed.push((t.seq, format!("{why} {}, but #{} behind it at {}", t.finished, e.seq, e.finished)));
        }
        if *in_line && earliest.is_none_or(|e| t.finished < e.finished) {
            earliest = Some(t);
        }
    }
    blamed.sort_by_key(|b| b.0);
    blamed
}

/// Which manifests belong to the sequence of rising times for which the store vouches
/// most often, and of those to a longest. Not the other way round: who can sign could
/// outvote a good backup by many back-dated ones, but cannot have them received then.
fn backbone(chain: &[&Times], now: Timestamp) -> Vec<bool> {
    let n = chain.len();
    let mut order: Vec<Timestamp> = chain.iter().map(|t| t.finished).collect();
    order.sort_unstable();
    order.dedup();
    let rank = |t: &Times| order.partition_point(|o| *o < t.finished);
    let weight = |t: &Times| if t.vouched(now) { n as u64 + 1 } else { 1 };
    let mut up = Highest::new(order.len());
    let ending: Vec<u64> = chain.iter().map(|t| up.add(rank(t), weight(t))).collect();
    let mut down = Highest::new(order.len());
    let mut beginning: Vec<u64> = chain.iter().rev().map(|t| down.add(order.len() - 1 - rank(t), weight(t))).collect();
    beginning.reverse();
    let best = ending.iter().copied().max().unwrap_or(0);
    chain.iter().zip(ending.iter().zip(&beginning)).map(|(t, (e, b))| e + b - weight(t) == best).collect()
}

/// The highest weight of a rising sequence that ends at a rank or below (a
/// Fenwick tree): a signer may have made a long chain to keep us busy.
struct Highest(Vec<u64>);

impl Highest {
    fn new(ranks: usize) -> Self {
        Self(vec![0; ranks + 1])
    }

    /// Adds one of this rank and weight; gives the weight of the best sequence that ends in it.
    fn add(&mut self, rank: usize, weight: u64) -> u64 {
        let (mut best, mut i) = (0, rank + 1);
        while i > 0 {
            best = best.max(self.0[i]);
            i &= i - 1;
        }
        let total = best + weight;
        let mut i = rank + 1;
        while i < self.0.len() {
            self.0[i] = self.0[i].max(total);
            i += i & i.wrapping_neg();
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hours of finish and receipt.
    fn blamed(chain: &[(i64, i64)], now: i64) -> Vec<u64> {
        let at = |h: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1000 + h);
        let times: Vec<Times> = chain
            .iter()
            .zip(1..)
            .map(|((finished, stored), seq)| Times {
                seq,
                started: at(*finished),
                finished: at(*finished),
                stored: at(*stored),
            })
            .collect();
        judge(&times, at(now)).into_iter().map(|b| b.0).collect()
    }

    fn on_time(hours: &[i64]) -> Vec<(i64, i64)> {
        hours.iter().map(|h| (*h, *h)).collect()
    }

    #[test]
    fn the_one_that_is_out_of_line_is_blamed() {
        let silent: [u64; 0] = [];
        assert_eq!(blamed(&[], 0), silent);
        assert_eq!(blamed(&on_time(&[1, 2, 3, 3, 9]), 9), silent);
        // Two hosts whose clocks are an hour apart.
        assert_eq!(blamed(&on_time(&[5, 4, 5, 4, 5]), 5), silent);
        // A clock that was ahead, once: by the store's time, by the others, by now.
        assert_eq!(blamed(&[(1, 1), (50, 2), (3, 3)], 3), [2]);
        assert_eq!(blamed(&[(1, 1), (50, 2)], 3), [2]);
        assert_eq!(blamed(&on_time(&[1, 50, 3, 4]), 60), [2]);
        assert_eq!(blamed(&on_time(&[1, 50, 3]), 4), [2]);
        // Back-dated, by an intruder who cannot set the store's time.
        assert_eq!(blamed(&[(1, 1), (5, 5), (2, 9)], 9), [3]);
        assert_eq!(blamed(&[(1, 1), (5, 5), (2, 9), (3, 9), (3, 9)], 9), [3, 4, 5]);
        // By one who can, where nothing else tells: both.
        assert_eq!(blamed(&on_time(&[1, 9, 5]), 20), [2, 3]);
        assert_eq!(blamed(&on_time(&[1, 9, 5, 10]), 20), [2, 3]);
        assert_eq!(blamed(&on_time(&[1, 2, 3, 9, 10, 5]), 20), [6]);
        // Small steps back do not add up.
        let mut creeping = on_time(&[10, 20, 30, 40, 50, 60, 70]);
        creeping.extend((1..5).map(|i| (70 - i, 71)));
        assert_eq!(blamed(&creeping, 71), [9, 10, 11]);
        // A store that was copied has later times, for all of them.
        assert_eq!(blamed(&[(1, 90), (5, 80), (9, 85), (100, 100)], 100), silent);
        assert_eq!(blamed(&[(1, 90), (50, 80), (9, 85), (100, 100)], 100), [2, 3]);
    }

    #[test]
    fn what_ends_before_it_began_is_impossible() {
        let at = |h: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(h);
        let t = |started, finished| Times { seq: 1, started: at(started), finished: at(finished), stored: at(9) };
        assert_eq!(judge(&[t(1, 9)], at(9)), []);
        assert_eq!(judge(&[t(9, 8)], at(9)), []);
        assert!(judge(&[t(9, 7)], at(9))[0].1.contains("but finished at"));
    }

    #[test]
    fn a_long_chain_is_judged_quickly_and_as_by_trying_all_pairs() {
        let mut rng = fastrand::Rng::with_seed(7);
        // Wherever the majority is in line, exactly those that were moved are blamed.
        for _ in 0..200 {
            let mut hours: Vec<i64> = (0..40).map(|i| i * 10).collect();
            let mut moved: Vec<u64> = Vec::new();
            for _ in 0..3 {
                // With two and more on either side: of one beside one nobody can tell.
                let i = rng.usize(2..37);
                if moved.iter().all(|m| m.abs_diff(i as u64 + 1) > 1) {
                    hours[i] += if rng.bool() { 4000 } else { -4000 };
                    moved.push(i as u64 + 1);
                }
            }
            moved.sort_unstable();
            assert_eq!(blamed(&on_time(&hours), 9000), moved, "{hours:?}");
        }
        let falling: Vec<(i64, i64)> = (0..200_000).map(|i| (200_000 - 2 * i, 300_000)).collect();
        let began = std::time::Instant::now();
        assert_eq!(blamed(&falling, 300_000).len(), 200_000);
        assert!(began.elapsed().as_secs() < 20);
    }
}
