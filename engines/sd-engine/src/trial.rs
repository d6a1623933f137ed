//! Tries the device out: one product of two small matrices, computed there and compared with what it must be.
//!
//! A card can be listed and still compute nothing, because its driver, its memory or this build does not suit it.

#![allow(unsafe_code, reason = "calls into C++")]

use std::{
    ffi::c_void,
    mem::size_of_val,
    ptr::{NonNull, null, null_mut},
};

use diffusion_rs_sys::{
    self as library, ggml_backend_dev_type::GGML_BACKEND_DEVICE_TYPE_CPU, ggml_status::GGML_STATUS_SUCCESS,
    ggml_type::GGML_TYPE_F32,
};

use crate::context;

/// Rows and columns. A multiple of what the kernels of all devices work with at once.
const SIDE: usize = 64;
/// The two matrices and their product.
const TENSORS: usize = 3;

/// Frees what was made with it when it is dropped.
struct Freed<T>(NonNull<T>, unsafe extern "C" fn(*mut T));

impl<T> Freed<T> {
    fn new(made: *mut T, free: unsafe extern "C" fn(*mut T), what: &str) -> Result<Self, String> {
        NonNull::new(made).map(|made| Self(made, free)).ok_or_else(|| format!("the device gives no {what}"))
    }

    fn as_ptr(&self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T> Drop for Freed<T> {
    fn drop(&mut self) {
        // SAFETY: made by the library, and freed once, by its own function.
        unsafe { (self.1)(self.0.as_ptr()) }
    }
}

/// Computes on the device that pictures would be made on. Fails where nothing comes out, or something wrong.
pub(crate) fn compute() -> Result<(), String> {
    let (left, right) = matrices();
    let made = multiply(&left, &right)?;
    if made == product(&left, &right) {
        return Ok(());
    }
    Err(format!("{} computes, and what comes out is wrong", context::device()))
}

/// Returns two matrices of small whole numbers, whose product every kind of number on a card holds exactly.
fn matrices() -> (Vec<f32>, Vec<f32>) {
    let numbers = |factor: usize| (0..SIDE * SIDE).map(move |place| (place * factor % 7 % 4) as f32).collect();
    (numbers(3), numbers(5))
}

/// Returns the product as the library defines it: each number is a row of the one times a row of the other.
fn product(left: &[f32], right: &[f32]) -> Vec<f32> {
    let times = |right: &[f32]| -> Vec<f32> {
        left.chunks(SIDE).map(|left| left.iter().zip(right).map(|(one, other)| one * other).sum()).collect()
    };
    right.chunks(SIDE).flat_map(times).collect()
}

/// Returns the product as the device computes it.
fn multiply(left: &[f32], right: &[f32]) -> Result<Vec<f32>, String> {
    let side = i64::try_from(SIDE).map_err(|error| error.to_string())?;
    let mut made = vec![0.0_f32; SIDE * SIDE];
    // SAFETY: every pointer is the library's own and checked; the tensors lie in `context`, their numbers in `buffer`, the
    // graph in `context`, and all of them are freed in the reverse order, after the last use. Each copy has the size of the
    // tensor: 64 × 64 numbers of 4 bytes.
    unsafe {
        let device = match context::gpu() {
            Some(gpu) => gpu.as_ptr(),
            None => library::ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU),
        };
        let backend = library::ggml_backend_dev_init(device, null());
        let backend = Freed::new(backend, library::ggml_backend_free, "way to use it")?;
        let params = library::ggml_init_params {
            mem_size: library::ggml_tensor_overhead() * TENSORS + library::ggml_graph_overhead(),
            mem_buffer: null_mut(),
            no_alloc: true,
        };
        let context = Freed::new(library::ggml_init(params), library::ggml_free, "room for a graph")?;
        let tensor = || library::ggml_new_tensor_2d(context.as_ptr(), GGML_TYPE_F32, side, side);
        let (one, other) = (tensor(), tensor());
        let out = library::ggml_mul_mat(context.as_ptr(), one, other);
        let graph = library::ggml_new_graph(context.as_ptr());
        library::ggml_build_forward_expand(graph, out);
        let buffer = library::ggml_backend_alloc_ctx_tensors(context.as_ptr(), backend.as_ptr());
        let _buffer = Freed::new(buffer, library::ggml_backend_buffer_free, "memory")?;
        for (tensor, numbers) in [(one, left), (other, right)] {
            let bytes: *const c_void = numbers.as_ptr().cast();
            library::ggml_backend_tensor_set(tensor, bytes, 0, size_of_val(numbers));
        }
        let status = library::ggml_backend_graph_compute(backend.as_ptr(), graph);
        if status != GGML_STATUS_SUCCESS {
            return Err(format!("{} does not compute: {status:?}", context::device()));
        }
        library::ggml_backend_tensor_get(out, made.as_mut_ptr().cast(), 0, size_of_val(made.as_slice()));
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_computes_what_we_do() {
        let (left, right) = matrices();
        let made = multiply(&left, &right).unwrap();
        assert!(made.iter().any(|number| *number > 0.0));
        assert_eq!(made, product(&left, &right));
        assert_ne!(made, product(&right, &left), "the order makes no difference, so nothing would show");
    }
}
