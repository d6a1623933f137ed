//! The model in memory.

#![allow(unsafe_code, reason = "calls into C++")]

use std::{
    ffi::{CStr, CString, c_char},
    mem::MaybeUninit,
    ptr::NonNull,
};

use contract::engine::{Embedding, ModelFiles};
use diffusion_rs_sys as library;

use crate::callbacks::{self, Work};

/// A loaded model. The memory goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Context {
    pointer: NonNull<library::sd_ctx_t>,
    /// In steps of how many pixels the model paints.
    pub(crate) step_px: u32,
}

impl Context {
    /// Loads the files of a model.
    pub(crate) fn load(files: &ModelFiles, embeddings: &[Embedding], threads: u32) -> Result<Self, String> {
        let mut texts = Texts::default();
        callbacks::begin(Work::Loading);
        let mut words = Vec::with_capacity(embeddings.len());
        for embedding in embeddings {
            let (name, path) = (texts.keep(Some(&embedding.name))?, texts.keep(Some(&embedding.path))?);
            words.push(library::sd_embedding_t { name, path });
        }
        // SAFETY: the library fills the struct; every pointer in it is null or points into `texts` and `words`, which outlive
        // the call.
        let pointer = unsafe {
            let mut uninit = MaybeUninit::uninit();
            library::sd_ctx_params_init(uninit.as_mut_ptr());
            let mut params: library::sd_ctx_params_t = uninit.assume_init();
            params.model_path = texts.keep(files.model.as_deref())?;
            params.diffusion_model_path = texts.keep(files.diffusion_model.as_deref())?;
            params.vae_path = texts.keep(files.vae.as_deref())?;
            params.taesd_path = texts.keep(files.taesd.as_deref())?;
            params.clip_l_path = texts.keep(files.clip_l.as_deref())?;
            params.clip_g_path = texts.keep(files.clip_g.as_deref())?;
            params.t5xxl_path = texts.keep(files.t5xxl.as_deref())?;
            params.llm_path = texts.keep(files.llm.as_deref())?;
            params.backend = texts.keep(placement(files).as_deref())?;
            params.params_backend = texts.keep(files.offload_to_cpu.then_some("cpu"))?;
            params.flash_attn = files.flash_attn;
            params.diffusion_flash_attn = files.flash_attn;
            params.embeddings = words.as_ptr();
            params.embedding_count = u32::try_from(words.len()).unwrap_or_default();
            params.n_threads = i32::try_from(threads.max(1)).unwrap_or(i32::MAX);
            // The other modes leave the weights changed: later pictures turn black, and then the process dies.
            params.lora_apply_mode = library::lora_apply_mode_t::LORA_APPLY_AT_RUNTIME;
            library::new_sd_ctx(&raw const params)
        };
        let Some(pointer) = NonNull::new(pointer) else {
            return Err(callbacks::complaints());
        };
        let context = Self { pointer, step_px: 1 };
        // SAFETY: the pointer is the library's own and alive.
        if !unsafe { library::sd_ctx_supports_image_generation(context.pointer.as_ptr()) } {
            return Err("this model makes no pictures".to_owned());
        }
        #[cfg(soft_cancel)]
        callbacks::set_cancellable(context.pointer.as_ptr());
        Ok(context)
    }

    /// Returns the library's pointer, valid for as long as this lives.
    pub(crate) fn as_ptr(&self) -> *mut library::sd_ctx_t {
        self.pointer.as_ptr()
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        #[cfg(soft_cancel)]
        callbacks::set_cancellable(std::ptr::null_mut());
        // SAFETY: made by `new_sd_ctx`, freed once.
        unsafe { library::free_sd_ctx(self.pointer.as_ptr()) }
    }
}

/// Returns which parts stay on the CPU, in the words of the library.
fn placement(files: &ModelFiles) -> Option<String> {
    let parts: Vec<_> = [(files.clip_on_cpu, "te=cpu"), (files.vae_on_cpu, "vae=cpu")]
        .into_iter()
        .filter_map(|(is_wanted, part)| is_wanted.then_some(part))
        .collect();
    (!parts.is_empty()).then(|| parts.join(","))
}

/// Returns what the library computes on unless told otherwise: its first GPU, else the CPU.
pub(crate) fn device() -> String {
    // SAFETY: the names of devices live as long as the process.
    let name = |device| unsafe { CStr::from_ptr(library::ggml_backend_dev_name(device)) };
    gpu().map_or_else(|| "cpu".to_owned(), |device| name(device.as_ptr()).to_string_lossy().to_lowercase())
}

/// Returns the first GPU of the library.
pub(crate) fn gpu() -> Option<NonNull<library::ggml_backend_device>> {
    use library::ggml_backend_dev_type::{GGML_BACKEND_DEVICE_TYPE_GPU, GGML_BACKEND_DEVICE_TYPE_IGPU};
    let kinds = [GGML_BACKEND_DEVICE_TYPE_GPU, GGML_BACKEND_DEVICE_TYPE_IGPU];
    // SAFETY: the list of devices lives as long as the process.
    kinds.into_iter().find_map(|kind| NonNull::new(unsafe { library::ggml_backend_dev_by_type(kind) }))
}

/// Texts that C++ points into. They stay where they are for as long as this lives.
#[derive(Debug, Default)]
pub(crate) struct Texts(Vec<CString>);

impl Texts {
    /// Keeps a text and returns where it is; null for none.
    pub(crate) fn keep(&mut self, text: Option<&str>) -> Result<*const c_char, String> {
        let Some(text) = text else { return Ok(std::ptr::null()) };
        let text = CString::new(text).map_err(|_| "a text holds a zero byte".to_owned())?;
        let pointer = text.as_ptr();
        self.0.push(text);
        Ok(pointer)
    }
}
