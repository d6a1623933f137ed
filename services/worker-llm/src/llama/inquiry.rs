//! What a llama-server says of itself without a model: its version, its devices.

use std::time::Duration;

use tokio::{io::AsyncReadExt as _, time::timeout};

use super::{Settings, epitaph};

/// A program that does not answer within this time is not llama-server.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// How many lines of its log are kept.
const LOG_LINES: usize = 200;
/// Listed beside the cards, and none: a library that helps the CPU.
const NO_CARD: &str = "blas";

/// Returns what it calls itself, once it has shown that it runs on this machine.
pub(crate) async fn version(settings: &Settings) -> Result<String, String> {
    let said = ask(settings, "--version").await?;
    let version = said.lines().find_map(|line| line.trim().strip_prefix("version:")).map(str::trim);
    Ok(version.map_or_else(|| "llama.cpp".to_owned(), |version| format!("llama.cpp {version}")))
}

/// Returns what it computes on: its first card in small letters, or `cpu`.
pub(crate) async fn device(settings: &Settings) -> Result<String, String> {
    Ok(first_device(&ask(settings, "--list-devices").await?))
}

/// Returns all that it says.
async fn ask(settings: &Settings, question: &str) -> Result<String, String> {
    let program = settings.child().arg(question).log_lines(LOG_LINES);
    let mut child = program.start().map_err(|error| format!("{:#}", anyhow::Error::from(error)))?;
    let mut stdout = child.take_stdout();
    let answering = async {
        let mut said = String::new();
        if let Some(stdout) = &mut stdout {
            // What is no text is no answer either.
            let _ = stdout.read_to_string(&mut said).await;
        }
        (child.exited().await, said)
    };
    let Ok((exit, said)) = timeout(ANSWER_LIMIT, answering).await else {
        return Err(format!("llama-server does not answer {question} within {} s", ANSWER_LIMIT.as_secs()));
    };
    if !exit.is_success() {
        return Err(epitaph::sentence(exit, child.log()));
    }
    Ok([child.log().last(LOG_LINES).join("\n"), said].join("\n"))
}

/// Finds the first card in lines like `  CUDA0: NVIDIA GeForce RTX 4090 (24080 MiB, 23000 MiB free)`.
fn first_device(said: &str) -> String {
    let listed = said.lines().skip_while(|line| !line.starts_with("Available devices")).skip(1);
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split_once(':')).map(|(name, _)| name.to_lowercase());
    let mut cards = names.filter(|name| !name.starts_with(NO_CARD));
    cards.next().unwrap_or_else(|| "cpu".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_card_is_what_it_computes_on() {
        let cards = "ggml_cuda_init: found 2 devices:\n  Device 0: x\nAvailable devices:\n  BLAS: OpenBLAS (0 MiB)\n  \
                     CUDA0: NVIDIA H200 (143771 MiB, 143000 MiB free)\n  CUDA1: another\n";
        assert_eq!(first_device(cards), "cuda0");
        assert_eq!(first_device("Available devices:\n  (none)\n"), "cpu");
        assert_eq!(first_device("Available devices:\n"), "cpu");
    }
}
