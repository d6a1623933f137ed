//! What the library calls while it works: progress, previews, log, abort.
//!
//! All of it is global to the process, so the state is too.

#![allow(unsafe_code, reason = "called by C++")]

mod lora;
mod stage;

#[cfg(soft_cancel)]
use std::sync::atomic::AtomicPtr;
use std::{
    ffi::{CStr, c_char, c_int, c_void},
    ptr::null_mut,
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use contract::engine::{Line, LoraFile};
use diffusion_rs_sys as library;

pub(crate) use self::stage::{Batch, Work};
use self::{lora::Effects, stage::Stages};
use crate::output::Output;

static OUTPUT: OnceLock<&'static Output> = OnceLock::new();
static STAGES: Mutex<Stages> = Mutex::new(Stages::of(Work::Nothing));
static EFFECTS: Mutex<Effects> = Mutex::new(Effects::NONE);
static COMPLAINTS: Mutex<Option<Complaints>> = Mutex::new(None);
static IS_CANCELLED: AtomicBool = AtomicBool::new(false);
#[cfg(soft_cancel)]
static CANCELLABLE: AtomicPtr<library::sd_ctx_t> = AtomicPtr::new(null_mut());

/// Errors that the library logged. The first is the cause, the last is what came of it.
struct Complaints {
    first: String,
    last: Option<String>,
}

/// Tells the library where to call, and where it all goes.
pub(crate) fn install(output: &'static Output) {
    let _ = OUTPUT.set(output);
    // SAFETY: the functions live as long as the process and take no data.
    unsafe {
        library::ggml_set_abort_callback(Some(on_abort));
        library::sd_set_log_callback(Some(on_log), null_mut());
        library::sd_set_progress_callback(Some(on_progress), null_mut());
        // The projection costs next to nothing: every step, and the worker chooses among them.
        let (every_step, denoised, noisy) = (1, true, false);
        let mode = library::preview_t::PREVIEW_PROJ;
        library::sd_set_preview_callback(Some(on_preview), mode, every_step, denoised, noisy, null_mut());
    }
}

/// Says what comes next.
pub(crate) fn begin(work: Work) {
    take_complaints();
    *lock(&EFFECTS) = Effects::NONE;
    let begun = Stages::of(work);
    if matches!(work, Work::Generating(_)) {
        post(begun.line(0, 0));
    }
    *lock(&STAGES) = begun;
}

/// Returns what the library complained about since the last beginning.
pub(crate) fn complaints() -> String {
    take_complaints().unwrap_or_else(|| "the library gave no reason".to_owned())
}

/// Fails if the library complained since the last beginning: then what it made is not what was asked for, whatever it says.
pub(crate) fn fail_if_complained() -> Result<(), String> {
    take_complaints().map_or(Ok(()), Err)
}

/// Fails if a LoRA changed nothing: the library passes over one that it cannot read or that was made for another model.
pub(crate) fn fail_without_effect(loras: &[LoraFile]) -> Result<(), String> {
    lock(&EFFECTS).check(loras)
}

fn take_complaints() -> Option<String> {
    let complaints = lock(&COMPLAINTS).take()?;
    Some(match complaints.last {
        Some(last) => format!("{}; in the end {last}", complaints.first),
        None => complaints.first,
    })
}

/// Ends the running generation, if the library can. Otherwise nothing happens, as the first line said.
pub(crate) fn cancel() {
    IS_CANCELLED.store(cfg!(soft_cancel), Ordering::Release);
    #[cfg(soft_cancel)]
    {
        let context = CANCELLABLE.load(Ordering::Acquire);
        if !context.is_null() {
            // SAFETY: the context is alive while it stands here, and this function may be called from any thread.
            unsafe { library::sd_cancel_generation(context, library::sd_cancel_mode_t::SD_CANCEL_ALL) }
        }
    }
}

/// Returns whether the running generation was cancelled.
pub(crate) fn is_cancelled() -> bool {
    IS_CANCELLED.load(Ordering::Acquire)
}

/// A new generation begins; a cancel of the one before does not count for it.
pub(crate) fn forget_cancel() {
    IS_CANCELLED.store(false, Ordering::Release);
}

/// Says which context a cancel is for; null for none.
#[cfg(soft_cancel)]
pub(crate) fn set_cancellable(context: *mut library::sd_ctx_t) {
    CANCELLABLE.store(context, Ordering::Release);
}

fn post(line: Line) {
    if let Some(output) = OUTPUT.get() {
        output.post(line);
    }
}

fn lock<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

unsafe extern "C" fn on_progress(step: c_int, steps: c_int, _seconds: f32, _data: *mut c_void) {
    let lines = lock(&STAGES).progress(step.unsigned_abs(), steps.unsigned_abs());
    lines.into_iter().for_each(post);
    // A cancel between the beginning of a generation and the library's own reset of its flag would be lost.
    #[cfg(soft_cancel)]
    if is_cancelled() {
        cancel();
    }
}

unsafe extern "C" fn on_preview(
    step: c_int,
    count: c_int,
    frames: *mut library::sd_image_t,
    _is_noisy: bool,
    _data: *mut c_void,
) {
    let Some(output) = OUTPUT.get() else { return };
    if count < 1 || frames.is_null() {
        return;
    }
    // SAFETY: the library hands over `count` images that live until this function returns.
    let (width, height, rgb) = unsafe {
        let frame = &*frames;
        if frame.data.is_null() || frame.channel != 3 {
            return;
        }
        let size = frame.width as usize * frame.height as usize * 3;
        (frame.width, frame.height, std::slice::from_raw_parts(frame.data, size).to_vec())
    };
    let Some(step) = lock(&STAGES).preview_step(step.unsigned_abs()) else { return };
    let size_bytes = u64::try_from(rgb.len()).unwrap_or(u64::MAX);
    output.post_preview(Line::Preview { step, width, height, size_bytes }, rgb);
}

unsafe extern "C" fn on_log(level: library::sd_log_level_t, text: *const c_char, _data: *mut c_void) {
    use library::sd_log_level_t::{SD_LOG_ERROR, SD_LOG_INFO, SD_LOG_WARN};
    if text.is_null() {
        return;
    }
    // SAFETY: the library hands over a text that ends with a zero byte.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    let text = without_place(text.trim_end());
    let begun = lock(&STAGES).heard(text);
    let level_name = match level {
        SD_LOG_ERROR => "error",
        SD_LOG_WARN => "warn",
        SD_LOG_INFO => "info",
        // Finer than that, it repeats prompts.
        _ => "",
    };
    if !level_name.is_empty() {
        lock(&EFFECTS).heard(text);
        let message = without_folders(text);
        if level == SD_LOG_ERROR {
            complain(&message);
        }
        post(Line::Log { level: level_name.to_owned(), message });
    }
    begun.into_iter().for_each(post);
}

fn complain(message: &str) {
    let mut complaints = lock(&COMPLAINTS);
    match complaints.as_mut() {
        Some(complaints) => complaints.last = Some(message.to_owned()),
        None => *complaints = Some(Complaints { first: message.to_owned(), last: None }),
    }
}

/// Called right before `abort()`: all that can be done is to say why.
unsafe extern "C" fn on_abort(text: *const c_char) {
    let Some(output) = OUTPUT.get() else { return };
    if text.is_null() {
        return;
    }
    // SAFETY: ggml hands over a text that ends with a zero byte.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    // The path is that of the machine which built this.
    let message = text.rsplit('/').next().unwrap_or(&text).trim_end().to_owned();
    output.write_last(&Line::Abort { message });
}

/// Returns a log line without the source file and line that the library puts before it.
fn without_place(line: &str) -> &str {
    match line.split_once(" - ") {
        Some((place, message)) if place.trim_end().rsplit(':').next().is_some_and(is_number) => message,
        _ => line,
    }
}

/// Returns a log line with the names of files, but not the folders that they lie in: people see these lines.
fn without_folders(line: &str) -> String {
    let words = line.split(' ').map(|word| match word.split_once('/') {
        Some((quote @ ("" | "'" | "\""), path)) if !path.is_empty() => {
            format!("{quote}{}", path.rsplit('/').next().unwrap_or(path))
        }
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_neither_source_files_nor_folders() {
        assert_eq!(without_place("model.cpp:1206 - loading - slowly"), "loading - slowly");
        assert_eq!(without_place("loading - slowly"), "loading - slowly");
        assert_eq!(without_folders("read failed: '/models/x/y.gguf'"), "read failed: 'y.gguf'");
        assert_eq!(without_folders("load /models/y.gguf for image 1/2"), "load y.gguf for image 1/2");
        assert_eq!(without_folders("(3 / 4) of them"), "(3 / 4) of them");
    }
}
