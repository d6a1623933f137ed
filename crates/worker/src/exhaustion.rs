//! Tells the end of memory from other ends.

use std::fs;

/// What the library, the C++ runtime and the drivers say when they get no memory.
const WORDS: [&str; 13] = [
    "failed to allocate",
    "alloc_buffer: failed",
    "insufficient memory",
    "out of memory",
    "not enough memory",
    "cannot allocate memory",
    "bad_alloc",
    "alloc compute buffer failed",
    "mem_buffer != null",
    "cudamalloc failed",
    "erroroutofdevicememory",
    "memory allocation of",
    // No thread can be started: there is no room for its stack.
    "resource temporarily unavailable",
];
/// How a child ends that the kernel killed.
const KILLED: &str = "(SIGKILL)";

/// Counts how often the kernel has killed a process of this machine because memory ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kills(u64);

impl Kills {
    /// Returns the count by now.
    pub fn now() -> Self {
        let text = fs::read_to_string("/proc/vmstat").unwrap_or_default();
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok());
        Self(count.unwrap_or(0))
    }
}

/// Returns whether memory ran out, by what a child or the library said at the end, and by what the kernel did meanwhile.
pub fn is_out_of_memory(said: &str, kills_before: Kills, kills_after: Kills) -> bool {
    if said.contains(KILLED) {
        // Anybody may kill a child. Only the kernel's own count tells why it did.
        return kills_after != kills_before;
    }
    let said = said.to_lowercase();
    WORDS.iter().any(|words| said.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: Kills = Kills(3);

    #[test]
    fn the_words_of_the_library_are_understood() {
        for said in [
            "ggml_aligned_malloc: insufficient memory (attempted to allocate 240.25 MB); in the end decode_first_stage failed",
            "ggml_gallocr_reserve_n_impl: failed to allocate CPU buffer of size 251920448",
            "the engine died while it loaded the model: killed by signal 6 (SIGABRT): it gave up; ggml.c:1605: GGML_ASSERT(ctx->mem_buffer != NULL) failed",
            "terminate called after throwing an instance of 'std::bad_alloc'",
            "CUDA error: out of memory",
            "llama-server killed by signal 6 (SIGABRT): it gave up: what():  Resource temporarily unavailable",
        ] {
            assert!(is_out_of_memory(said, BEFORE, BEFORE), "{said}");
        }
        assert!(!is_out_of_memory("read failed: 'y.gguf'", BEFORE, BEFORE));
    }

    #[test]
    fn a_killed_child_ran_out_of_memory_only_if_the_kernel_says_so() {
        let said =
            "the engine died while it made the picture: killed by signal 9 (SIGKILL), perhaps because memory ran out";
        assert!(!is_out_of_memory(said, BEFORE, BEFORE));
        assert!(is_out_of_memory(said, BEFORE, Kills(4)));
    }
}
