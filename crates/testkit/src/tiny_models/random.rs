//! Random numbers that are the same everywhere: whole-number arithmetic, and no function whose last bit depends on the
//! machine.

/// A stream of random numbers (SplitMix64).
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    /// Returns the stream of a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns numbers spread around 0 with the given deviation.
    /// Each is a sum of four even ones: close enough to the normal distribution, without logarithms.
    pub(super) fn normal(&mut self, deviation: f32, count: usize) -> Vec<f32> {
        // Four even numbers of 0..65536 have this deviation together.
        let scale = deviation / (65_536.0 * (4.0_f32 / 12.0).sqrt());
        (0..count)
            .map(|_| {
                let bits = self.next();
                let sum = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
                (sum as f32 - 131_070.0) * scale
            })
            .collect()
    }

    /// Returns a matrix that keeps the size of what it is multiplied with, times `gain`.
    pub(super) fn matrix(&mut self, rows: usize, columns: usize, gain: f32) -> Vec<f32> {
        self.normal(gain / (columns as f32).sqrt(), rows * columns)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}
