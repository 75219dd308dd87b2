//! How many objects are under way at once: more while that makes it faster, half as many when a store says that it is
//! too much.

/// What was seen since the last look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Work done a second, in any unit that stays the same.
    pub rate: f64,
    /// A store said to slow down.
    pub slowed: bool,
    /// All places were taken: more of them would have been used.
    pub full: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    /// Twice as many each time, from what came of fewer.
    Ramp { rate: f64 },
    /// It stays, and tries a few more after some looks.
    Steady { looks: u32 },
    /// A few more are tried: what there was before.
    Trial { before: usize, rate: f64 },
    /// One more each time, since it was too much once.
    Careful { looks: u32 },
}

#[derive(Clone, Copy, Debug)]
pub struct Level {
    now: usize,
    mood: Mood,
    rate: f64,
}

/// Worth the places that it takes.
const GAIN: f64 = 1.08;

const LOOKS_BETWEEN_TRIALS: u32 = 8;
const LOOKS_OF_CARE: u32 = 60;

impl Level {
    pub fn new(first: usize) -> Self {
        Self { now: first.max(1), mood: Mood::Ramp { rate: 0.0 }, rate: 0.0 }
    }

    pub fn now(&self) -> usize {
        self.now
    }

    pub fn next(&mut self, seen: Seen, most: usize) -> usize {
        if seen.slowed {
            // Its answers of a moment ago say no more than the first of them did.
            if !matches!(self.mood, Mood::Careful { looks: 0 }) {
                self.now /= 2;
            }
            self.mood = Mood::Careful { looks: 0 };
        } else if seen.full {
            self.grow(seen.rate);
        }
        self.rate = seen.rate;
        self.now = self.now.clamp(1, most.max(1));
        self.now
    }

    fn grow(&mut self, rate: f64) {
        self.mood = match self.mood {
            Mood::Ramp { rate: before } if rate > before * GAIN => {
                self.now *= 2;
                Mood::Ramp { rate }
            }
            Mood::Ramp { .. } => {
                self.now /= 2;
                Mood::Steady { looks: 0 }
            }
            Mood::Steady { looks } if looks < LOOKS_BETWEEN_TRIALS => Mood::Steady { looks: looks + 1 },
            Mood::Steady { .. } => {
                let before = self.now;
                self.now += (self.now / 4).max(1);
                Mood::Trial { before, rate: rate.max(self.rate) }
            }
            Mood::Trial { before, rate: then } => {
                if rate < then * GAIN {
                    self.now = before;
                }
                Mood::Steady { looks: 0 }
            }
            Mood::Careful { looks } => {
                self.now += 1;
                if looks < LOOKS_OF_CARE {
                    Mood::Careful { looks: looks + 1 }
                } else {
                    Mood::Steady { looks: 0 }
                }
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store that does so much for each, up to so many.
    fn after(looks: u32, best: usize, most: usize) -> Vec<usize> {
        let mut level = Level::new(8);
        let at =
            |level: &Level| Seen { rate: 10.0 * level.now().min(best) as f64, full: true, slowed: false };
        (0..looks).map(|_| level.next(at(&level), most)).collect()
    }

    #[test]
    fn it_finds_about_where_more_is_no_faster() {
        let levels = after(60, 40, 256);
        let last = levels.last().copied().unwrap_or_default();
        assert!((40..=128).contains(&last), "{levels:?}");
        assert!(after(60, 1000, 64).iter().all(|level| *level <= 64));
    }

    #[test]
    fn a_store_that_says_slow_down_is_asked_half_as_much_once_and_then_a_little_more() {
        let mut level = Level::new(64);
        let slowed = Seen { slowed: true, full: true, rate: 1.0 };
        assert_eq!(level.next(slowed, 256), 32);
        assert_eq!(level.next(slowed, 256), 32);
        let well = Seen { slowed: false, full: true, rate: 1.0 };
        assert_eq!(level.next(well, 256), 33);
        assert_eq!(level.next(slowed, 256), 16);
    }

    #[test]
    fn who_has_nothing_more_to_do_gets_no_more_places() {
        let mut level = Level::new(8);
        for _ in 0..50 {
            level.next(Seen { rate: 5.0, full: false, slowed: false }, 256);
        }
        assert_eq!(level.now(), 8);
    }
}
