//! The last sequence numbers of a source: which came, which came twice, and, as they leave the window, which are lost.

/// How many numbers back a packet is still of use. What comes later is as good as lost: 64 packets are more than a second
/// of voice.
const WIDTH: u32 = 64;

/// What became of the numbers of a source.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// Bit n: the number n below the highest is here, or was before the first one.
    here: u64,
    /// Of each, what tells its packet from another one with the same number.
    marks: [u16; WIDTH as usize],
    lost: u64,
    lost_in_bursts: u64,
    bursts: u32,
    run: u32,
}

/// What is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Losses {
    /// Numbers that never came.
    pub(super) lost: u64,
    /// Those with a neighbor that never came either.
    pub(super) in_bursts: u64,
    /// How many such runs.
    pub(super) bursts: u32,
}

/// What is known of an older number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Older {
    /// It was missing and is here now.
    Filled,
    /// It was here, in the same packet.
    Twice,
    /// It was here, in another packet: the source counts anew.
    Other,
    /// It has left the window.
    Gone,
}

impl Default for Window {
    fn default() -> Self {
        Self { here: !0, marks: [0; WIDTH as usize], lost: 0, lost_in_bursts: 0, bursts: 0, run: 0 }
    }
}

impl Window {
    /// A new source begins with this number: what is missing of the one before is lost.
    pub(super) fn start(&mut self, sequence: u16, mark: u16) {
        self.settle();
        self.here = !0;
        self.marks[slot(sequence)] = mark;
    }

    /// The highest number rises to this one, by `step`, at least 1.
    pub(super) fn advance(&mut self, step: u16, sequence: u16, mark: u16) {
        let step = u32::from(step);
        for _ in 0..step.min(WIDTH) {
            self.leave(self.here >> (WIDTH - 1) != 0);
            self.here <<= 1;
        }
        for _ in WIDTH..step {
            self.leave(false);
        }
        self.here |= 1;
        self.marks[slot(sequence)] = mark;
    }

    /// A number that is `age` below the highest comes, or comes again.
    pub(super) fn older(&mut self, age: u16, sequence: u16, mark: u16) -> Older {
        if u32::from(age) >= WIDTH {
            return Older::Gone;
        }
        let bit = 1 << age;
        if self.here & bit == 0 {
            self.here |= bit;
            self.marks[slot(sequence)] = mark;
            Older::Filled
        } else if self.marks[slot(sequence)] == mark {
            Older::Twice
        } else {
            Older::Other
        }
    }

    /// What is lost by now, if nothing comes late any more.
    pub(super) fn losses(&self) -> Losses {
        let mut settled = *self;
        settled.settle();
        Losses { lost: settled.lost, in_bursts: settled.lost_in_bursts, bursts: settled.bursts }
    }

    fn settle(&mut self) {
        for bit in (0..WIDTH).rev() {
            self.leave(self.here >> bit & 1 != 0);
        }
        self.here = !0;
        self.leave(true);
    }

    fn leave(&mut self, here: bool) {
        if here {
            if self.run > 1 {
                self.lost_in_bursts += u64::from(self.run);
                self.bursts = self.bursts.saturating_add(1);
            }
            self.run = 0;
        } else {
            self.lost += 1;
            self.run = self.run.saturating_add(1);
        }
    }
}

fn slot(sequence: u16) -> usize {
    usize::from(sequence) % WIDTH as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_told_apart_by_their_neighbors() {
        let mut window = Window::default();
        window.start(0, 0);
        for (sequence, step) in [(1, 1), (3, 2), (4, 1), (8, 4), (9, 1), (12, 3)] {
            window.advance(step, sequence, 0);
        }
        assert_eq!(window.losses(), Losses { lost: 6, in_bursts: 5, bursts: 2 });
        assert_eq!(window.older(5, 7, 0), Older::Filled);
        assert_eq!(window.losses(), Losses { lost: 5, in_bursts: 4, bursts: 2 });
        (13..400).for_each(|sequence| window.advance(1, sequence, 0));
        assert_eq!(
            window.losses(),
            Losses { lost: 5, in_bursts: 4, bursts: 2 },
            "the same when they have left"
        );
    }

    #[test]
    fn a_hole_wider_than_the_window_is_one_burst() {
        let mut window = Window::default();
        window.start(10, 0);
        window.advance(201, 211, 0);
        assert_eq!(window.losses(), Losses { lost: 200, in_bursts: 200, bursts: 1 });
        window.start(5_000, 0);
        assert_eq!(
            window.losses(),
            Losses { lost: 200, in_bursts: 200, bursts: 1 },
            "kept for the next source"
        );
    }

    #[test]
    fn older_numbers_are_filled_twice_other_or_gone() {
        let mut window = Window::default();
        window.start(100, 1);
        window.advance(3, 103, 4);
        assert_eq!(window.older(1, 102, 3), Older::Filled);
        assert_eq!(window.older(1, 102, 3), Older::Twice);
        assert_eq!(window.older(1, 102, 9), Older::Other);
        assert_eq!(window.older(0, 103, 4), Older::Twice);
        assert_eq!(window.older(64, 39, 4), Older::Gone);
    }
}
