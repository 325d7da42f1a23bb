//! Numbers that are drawn, and drawn again the same.

/// See the module. By D. Lehmer, with the constant of Fishman and Moore.
pub struct Dice(u64);

impl Dice {
    pub fn of(seed: u64) -> Self {
        Self((seed + 1) * 7_654_321 % 2_147_483_647)
    }

    /// From 0 to below `count`.
    pub fn below(&mut self, count: usize) -> usize {
        self.0 = self.0 * 742_938_285 % 2_147_483_647;
        (self.0 >> 3) as usize % count.max(1)
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn pick<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[self.below(list.len())]
    }
}
