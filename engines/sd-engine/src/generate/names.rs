//! The library's samplers, schedulers, caches and ways to enlarge, by the names in the contract.

#![allow(unsafe_code, reason = "calls into C++")]

use std::ffi::CString;

use contract::spec::{
    Hires,
    sampling::{Cache, Sampler, Scheduler},
};
use diffusion_rs_sys as library;
use serde::Serialize;

/// Returns the library's sampler of a name.
pub(super) fn sample_method(sampler: Sampler) -> Result<library::sample_method_t, String> {
    let name = name(sampler)?;
    let text = CString::new(name.as_str()).map_err(|error| error.to_string())?;
    // SAFETY: the text ends with a zero byte.
    match unsafe { library::str_to_sample_method(text.as_ptr()) } {
        library::sample_method_t::SAMPLE_METHOD_COUNT => Err(format!("this engine has no sampler {name}")),
        method => Ok(method),
    }
}

/// Returns the library's scheduler of a name.
pub(super) fn schedule(scheduler: Scheduler) -> Result<library::scheduler_t, String> {
    let name = name(scheduler)?;
    let text = CString::new(name.as_str()).map_err(|error| error.to_string())?;
    // SAFETY: the text ends with a zero byte.
    match unsafe { library::str_to_scheduler(text.as_ptr()) } {
        library::scheduler_t::SCHEDULER_COUNT => Err(format!("this engine has no scheduler {name}")),
        scheduler => Ok(scheduler),
    }
}

/// Returns the library's cache.
pub(super) fn cache_mode(cache: Cache) -> library::sd_cache_mode_t {
    use library::sd_cache_mode_t as Mode;
    match cache {
        Cache::Easycache => Mode::SD_CACHE_EASYCACHE,
        Cache::Ucache => Mode::SD_CACHE_UCACHE,
        Cache::Dbcache => Mode::SD_CACHE_DBCACHE,
        Cache::Taylorseer => Mode::SD_CACHE_TAYLORSEER,
        Cache::CacheDit => Mode::SD_CACHE_CACHE_DIT,
        Cache::Spectrum => Mode::SD_CACHE_SPECTRUM,
    }
}

/// Returns the library's own way to enlarge, by its name in [`Hires::BUILT_IN`].
pub(super) fn hires_upscaler(name: &str) -> Result<library::sd_hires_upscaler_t, String> {
    use library::sd_hires_upscaler_t as Way;
    const WAYS: [Way; Hires::BUILT_IN.len()] = [
        Way::SD_HIRES_UPSCALER_LATENT,
        Way::SD_HIRES_UPSCALER_LATENT_NEAREST,
        Way::SD_HIRES_UPSCALER_LATENT_NEAREST_EXACT,
        Way::SD_HIRES_UPSCALER_LATENT_ANTIALIASED,
        Way::SD_HIRES_UPSCALER_LATENT_BICUBIC,
        Way::SD_HIRES_UPSCALER_LATENT_BICUBIC_ANTIALIASED,
        Way::SD_HIRES_UPSCALER_LANCZOS,
        Way::SD_HIRES_UPSCALER_NEAREST,
    ];
    let found = Hires::BUILT_IN.iter().zip(WAYS).find(|(known, _)| **known == name);
    found.map(|(_, way)| way).ok_or_else(|| format!("this engine has no way {name} to enlarge pictures"))
}

/// Returns the name that a sampler or a scheduler has in JSON: the library's own.
fn name(choice: impl Serialize) -> Result<String, String> {
    match serde_json::to_value(choice) {
        Ok(serde_json::Value::String(name)) => Ok(name),
        _ => Err("a sampler or scheduler without a name: this is a bug".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    #[test]
    fn the_contract_names_exactly_the_samplers_of_the_library() {
        let ours: Vec<_> = Sampler::ALL.iter().map(|sampler| sample_method(*sampler).unwrap()).collect();
        assert_eq!(ours.len(), library::sample_method_t::SAMPLE_METHOD_COUNT as usize);
        assert!(ours.iter().enumerate().all(|(index, method)| *method as usize == index), "{ours:?}");
    }

    #[test]
    fn the_contract_names_exactly_the_schedulers_of_the_library() {
        let ours: Vec<_> = Scheduler::ALL.iter().map(|choice| schedule(*choice).unwrap()).collect();
        assert_eq!(ours.len(), library::scheduler_t::SCHEDULER_COUNT as usize);
        assert!(ours.iter().enumerate().all(|(index, scheduler)| *scheduler as usize == index), "{ours:?}");
    }

    #[test]
    fn the_contract_names_exactly_the_caches_of_the_library() {
        assert!(Cache::ALL.iter().zip(1..).all(|(cache, number): (_, usize)| cache_mode(*cache) as usize == number));
        assert_eq!(Cache::ALL.len(), library::sd_cache_mode_t::SD_CACHE_SPECTRUM as usize);
    }

    #[test]
    fn the_contract_names_exactly_the_ways_to_enlarge_of_the_library() {
        // Besides ours there are none at all, and a model.
        assert_eq!(Hires::BUILT_IN.len() + 2, library::sd_hires_upscaler_t::SD_HIRES_UPSCALER_COUNT as usize);
        for name in Hires::BUILT_IN {
            let way = hires_upscaler(name).unwrap();
            // SAFETY: the library returns a text of its own that ends with a zero byte.
            let theirs =
                unsafe { CStr::from_ptr(library::sd_hires_upscaler_name(way)) }.to_str().unwrap().to_lowercase();
            let letters = |text: &str| text.chars().filter(|letter| letter.is_alphabetic()).collect::<String>();
            assert_eq!(letters(name), letters(&theirs));
        }
        assert!(hires_upscaler("no such way").is_err());
    }
}
