//! A driver of NVIDIA cards for machines that have none: a shared library that speaks as much of NVML as we ask for.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

/// The name under which programs look for it.
const NAME: &str = "libnvidia-ml.so.1";

/// What is said of the only card.
#[derive(Debug, Clone, Copy)]
pub struct Card {
    /// What it calls itself.
    pub name: &'static str,
    /// What it has.
    pub total_mib: u64,
    /// What is used of it.
    pub used_mib: u64,
    /// The process that computes on it, and what that holds.
    pub process: (u32, u64),
}

/// Builds the library into a folder, which a program then names in `LD_LIBRARY_PATH`. Returns its path. Needs `cc`.
pub fn build(folder: &Path, card: Card) -> anyhow::Result<PathBuf> {
    let (source, library) = (folder.join("driver.c"), folder.join(NAME));
    std::fs::write(&source, text(card)).context("writing the source of a driver")?;
    let mut compile = Command::new("cc");
    compile.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source);
    let output = compile.output().context("starting cc, which every machine has that links Rust")?;
    ensure!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
    Ok(library)
}

/// Returns the source: the functions of nvml.h that we call, with its numbers for success (0), for an argument that is wrong
/// (2) and for room that is too little (7).
fn text(card: Card) -> String {
    let Card { name, total_mib, used_mib, process: (process_id, held_mib) } = card;
    format!(
        r#"
#include <string.h>
typedef unsigned long long bytes;
static const bytes MIB = 1024 * 1024;
static int the_card;
int nvmlInit_v2(void) {{ return 0; }}
int nvmlInitWithFlags(unsigned flags) {{ return 0; }}
int nvmlShutdown(void) {{ return 0; }}
int nvmlDeviceGetCount_v2(unsigned *count) {{ *count = 1; return 0; }}
int nvmlDeviceGetHandleByIndex_v2(unsigned number, void **card) {{
  if (number != 0) return 2;
  *card = &the_card;
  return 0;
}}
int nvmlDeviceGetName(void *card, char *name, unsigned size) {{ strncpy(name, "{name}", size); return 0; }}
struct memory {{ bytes total, free, used; }};
int nvmlDeviceGetMemoryInfo(void *card, struct memory *memory) {{
  memory->total = {total_mib} * MIB; memory->used = {used_mib} * MIB; memory->free = memory->total - memory->used;
  return 0;
}}
struct memory_v2 {{ unsigned version; bytes total, reserved, free, used; }};
int nvmlDeviceGetMemoryInfo_v2(void *card, struct memory_v2 *memory) {{
  memory->total = {total_mib} * MIB; memory->used = {used_mib} * MIB; memory->free = memory->total - memory->used;
  memory->reserved = 0;
  return 0;
}}
struct process {{ unsigned id; bytes used; unsigned gpu_instance, compute_instance; }};
int nvmlDeviceGetComputeRunningProcesses_v3(void *card, unsigned *count, struct process *processes) {{
  if (*count < 1 || !processes) {{ *count = 1; return 7; }}
  struct process only = {{ {process_id}, {held_mib} * MIB, -1, -1 }};
  *processes = only;
  *count = 1;
  return 0;
}}
"#
    )
}
