# Read by CMake before the sources of stable-diffusion.cpp (`cargo xtask engines` sets CMAKE_TOOLCHAIN_FILE to this file).
# ggml would otherwise compile for the building machine's own processor, and the program would die of SIGILL on an older one.
# Off means the fixed baseline: AVX2, FMA, F16C and BMI2 on x86-64.
set(GGML_NATIVE OFF CACHE BOOL "Compile for the processor of the building machine" FORCE)
