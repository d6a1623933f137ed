//! How the keys and values of tokens are stored.

use serde::{Deserialize, Serialize};

/// How the keys and values of tokens are stored: what llama-server takes as `--cache-type-k` and `--cache-type-v`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheType {
    /// 32 bits a number.
    F32,
    /// 16 bits, as models are made for.
    #[default]
    F16,
    /// 16 bits with a larger range.
    Bf16,
    /// 8 bits and a half: nobody has seen a difference.
    Q8_0,
    /// 6 bits.
    Q5_1,
    /// 5 bits and a half.
    Q5_0,
    /// 5 bits.
    Q4_1,
    /// 4 bits and a half: a quarter of the memory, and some quality lost.
    Q4_0,
    /// 4 bits and a half, spread otherwise.
    Iq4Nl,
}

impl CacheType {
    /// Returns its name on the command line of llama-server.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Q8_0 => "q8_0",
            Self::Q5_1 => "q5_1",
            Self::Q5_0 => "q5_0",
            Self::Q4_1 => "q4_1",
            Self::Q4_0 => "q4_0",
            Self::Iq4Nl => "iq4_nl",
        }
    }

    /// Returns how many numbers are stored together.
    #[must_use]
    pub fn block(self) -> u64 {
        match self {
            Self::F32 | Self::F16 | Self::Bf16 => 1,
            _ => 32,
        }
    }

    /// Returns how many bytes this many numbers take.
    #[must_use]
    pub fn bytes(self, numbers: u64) -> u64 {
        let bytes_of_block = match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Q8_0 => 34,
            Self::Q5_1 => 24,
            Self::Q5_0 => 22,
            Self::Q4_1 => 20,
            Self::Q4_0 | Self::Iq4Nl => 18,
        };
        numbers.div_ceil(self.block()).saturating_mul(bytes_of_block)
    }
}
