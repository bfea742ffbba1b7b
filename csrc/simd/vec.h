/* SPDX-License-Identifier: BSD-3-Clause
 * Vectors of one register, on the compiler's own vector types: + - * & | ^ << >> and comparisons are the language's.
 * Only what C cannot say stands here. LANES and the types follow the flags that the file is compiled with.
 * Loads and stores take any alignment. */
#ifndef FASTOPS_VEC_H
#define FASTOPS_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

/* ---- names: every function of a per-ISA object carries the ISA in its name ------------------------------------- */

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define STRING_(a) #a
#define STRING(a) STRING_(a)
#define FN(name) JOIN(name##_, ISA)
#define FN_FOR(name, type) JOIN(JOIN(JOIN(name, _), type), JOIN(_, ISA))

/* Always inlined, so that no copy of it is left for the linker to choose among ISAs. */
#define INLINE static inline __attribute__((always_inline, unused))

/* Never inlined: a loop that needs every register must not share them with its surroundings. */
#define OUTLINE static __attribute__((noinline, unused))

/* A loop whose outputs are its inputs exactly or do not overlap them. */
#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif

/* ---- types ----------------------------------------------------------------------------------------------------- */

#if defined(__AVX512F__)
#define VEC_BYTES 64
#elif defined(__AVX2__)
#define VEC_BYTES 32
#else
#define VEC_BYTES 16
#endif

#define VECTOR_OF(element, bytes) element __attribute__((vector_size(bytes)))
typedef VECTOR_OF(float, VEC_BYTES) f32v;
typedef VECTOR_OF(double, VEC_BYTES) f64v;
typedef VECTOR_OF(int32_t, VEC_BYTES) i32v;
typedef VECTOR_OF(uint32_t, VEC_BYTES) u32v;
typedef VECTOR_OF(int64_t, VEC_BYTES) i64v;
typedef VECTOR_OF(uint64_t, VEC_BYTES) u64v;
typedef VECTOR_OF(uint16_t, VEC_BYTES / 2) u16h; /* as many lanes as f32v */
typedef VECTOR_OF(float, VEC_BYTES / 2) f32h;    /* as many lanes as f64v */
enum { F32_LANES = VEC_BYTES / 4, F64_LANES = VEC_BYTES / 8 };

/* ---- load, store ----------------------------------------------------------------------------------------------- */

/* load_T, store_T: a whole vector; the *_part forms touch n < lanes elements only and read the others as 0. */
#define LOAD_STORE(type, vector, element)                                                                             \
    INLINE vector load_##type(const void *p)                                                                          \
    {                                                                                                                 \
        vector v;                                                                                                     \
        memcpy(&v, p, sizeof v);                                                                                      \
        return v;                                                                                                     \
    }                                                                                                                 \
    INLINE void store_##type(void *p, vector v) { memcpy(p, &v, sizeof v); }

LOAD_STORE(f32, f32v, float)
LOAD_STORE(f64, f64v, double)
LOAD_STORE(f32h, f32h, float)
LOAD_STORE(u16h, u16h, uint16_t)
#undef LOAD_STORE

INLINE f32v all_f32(float x) { return x - (f32v){0}; }
INLINE f64v all_f64(double x) { return x - (f64v){0}; }

/* Lane by lane a where mask is all ones, b where it is 0. */
INLINE u32v select_u32(u32v mask, u32v a, u32v b) { return (mask & a) | (~mask & b); }

/* a where a > b, else b: so b where either is NaN. That is x86's own maximum, but not ARM's. */
INLINE f32v max_f32(f32v a, f32v b)
{
#if defined(__AVX512F__)
    return _mm512_max_ps(a, b);
#elif defined(__AVX2__)
    return _mm256_max_ps(a, b);
#elif defined(__SSE2__)
    return _mm_max_ps(a, b);
#else
    return (f32v)select_u32((u32v)(a > b), (u32v)a, (u32v)b);
#endif
}

INLINE f64v max_f64(f64v a, f64v b)
{
#if defined(__AVX512F__)
    return _mm512_max_pd(a, b);
#elif defined(__AVX2__)
    return _mm256_max_pd(a, b);
#elif defined(__SSE2__)
    return _mm_max_pd(a, b);
#else
    const u64v greater = (u64v)(a > b);
    return (f64v)((greater & (u64v)a) | (~greater & (u64v)b));
#endif
}

/* The nearest whole number, ties to even. */
INLINE f32v round_f32(f32v x)
{
#if defined(__AVX512F__)
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__AVX2__)
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__SSE4_1__)
    return _mm_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__aarch64__)
    return vrndnq_f32(x);
#else
    for (int i = 0; i < F32_LANES; i++)
        x[i] = __builtin_rintf(x[i]);
    return x;
#endif
}

INLINE f64v round_f64(f64v x)
{
#if defined(__AVX512F__)
    return _mm512_roundscale_pd(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__AVX2__)
    return _mm256_round_pd(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__SSE4_1__)
    return _mm_round_pd(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__aarch64__)
    return vrndnq_f64(x);
#else
    for (int i = 0; i < F64_LANES; i++)
        x[i] = __builtin_rint(x[i]);
    return x;
#endif
}

/* Between 16 and 32 bits; narrowed numbers must fit. By hand for AVX2, where gcc 12 makes 4 instructions of each. */
INLINE u32v widen_u16h(u16h h)
{
#if defined(__AVX2__) && !defined(__AVX512F__)
    return (u32v)_mm256_cvtepu16_epi32((__m128i)h);
#else
    return __builtin_convertvector(h, u32v);
#endif
}

INLINE u16h narrow_u32(u32v x)
{
#if defined(__AVX2__) && !defined(__AVX512F__)
    return (u16h)_mm_packus_epi32(_mm256_castsi256_si128((__m256i)x), _mm256_extracti128_si256((__m256i)x, 1));
#elif defined(__SSE4_1__) && !defined(__AVX2__)
    return (u16h)_mm_cvtsi128_si64(_mm_packus_epi32((__m128i)x, (__m128i)x));
#else
    return __builtin_convertvector(x, u16h);
#endif
}

/* ---- 16-bit floats: exact to float32, one rounding (to nearest, ties to even) back ------------------------------ */

INLINE f32v f32_from_f16(u16h h)
{
#if defined(__AVX512F__)
    return _mm512_cvtph_ps((__m256i)h);
#elif defined(__F16C__)
    return _mm256_cvtph_ps((__m128i)h);
#elif defined(__aarch64__)
    return vcvt_f32_f16((float16x4_t)h);
#else
    const u32v x = widen_u16h(h), bits = (x & 0x7fff) << 13;
    const u32v rebias = (u32v){0} + (112u << 23), smallest = (u32v){0} + (113u << 23);
    const u32v special = (u32v)(bits >= (u32v){0} + (31u << 23)), nan = (u32v)(bits > (u32v){0} + (31u << 23));
    const u32v normal = bits + rebias + (special & rebias) + (nan & (1u << 22) & ~bits);
    const u32v subnormal = (u32v)((f32v)(bits + smallest) - (f32v)smallest);
    return (f32v)(select_u32((u32v)(bits < (u32v){0} + (1u << 23)), subnormal, normal) | (x & 0x8000) << 16);
#endif
}

INLINE u16h f16_from_f32(f32v f)
{
#if defined(__AVX512F__)
    return (u16h)_mm512_cvtps_ph(f, _MM_FROUND_TO_NEAREST_INT);
#elif defined(__F16C__)
    return (u16h)_mm256_cvtps_ph(f, _MM_FROUND_TO_NEAREST_INT);
#elif defined(__aarch64__)
    return (u16h)vcvt_f16_f32(f);
#else
    const u32v x = (u32v)f, bits = x & 0x7fffffff;
    const u32v half = (u32v){0} + (126u << 23); /* 0.5f: its ulp is the smallest subnormal of f16 */
    const u32v normal = (bits - (112u << 23) + 0xfff + (bits >> 13 & 1)) >> 13;
    const u32v subnormal = (u32v)((f32v)bits + (f32v)half) - half;
    const u32v nan = 0x7e00 | (bits >> 13 & 0x1ff);
    u32v r = select_u32((u32v)(bits < (u32v){0} + (113u << 23)), subnormal, normal);
    r = select_u32((u32v)(bits >= (u32v){0} + (143u << 23)), (u32v){0} + 0x7c00, r);
    r = select_u32((u32v)(bits > (u32v){0} + (255u << 23)), nan, r);
    return narrow_u32(r | (x >> 16 & 0x8000));
#endif
}

INLINE f32v f32_from_bf16(u16h b) { return (f32v)(widen_u16h(b) << 16); }

/* Whether a or b may hold a NaN: where the answer is cheap, no false alarm. */
INLINE int any_nan_f32(f32v a, f32v b)
{
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q) != 0;
#elif defined(__AVX2__)
    return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_UNORD_Q)) != 0;
#elif defined(__SSE2__)
    return _mm_movemask_ps(_mm_cmpunord_ps(a, b)) != 0;
#else
    (void)a, (void)b;
    return 1;
#endif
}

/* In the high half of each lane, with anything below; of numbers, or of anything. */
INLINE u32v bf16_of_number(f32v f) { return (u32v)f + 0x7fff + ((u32v)f >> 16 & 1); }
INLINE u32v bf16_bits(f32v f) { return select_u32((u32v)(f != f), (u32v)f | 0x400000, bf16_of_number(f)); }

INLINE u16h bf16_from_f32(f32v f) { return narrow_u32(bf16_bits(f) >> 16); }

INLINE f32v load_f16(const void *p) { return f32_from_f16(load_u16h(p)); }
INLINE f32v load_bf16(const void *p) { return f32_from_bf16(load_u16h(p)); }
INLINE void store_f16(void *p, f32v v) { store_u16h(p, f16_from_f32(v)); }
INLINE void store_bf16(void *p, f32v v) { store_u16h(p, bf16_from_f32(v)); }

/* Two registers to two places: bf16 is rounded and narrowed together. */
INLINE void store_two_f32(void *p, f32v a, void *q, f32v b) { store_f32(p, a), store_f32(q, b); }
INLINE void store_two_f64(void *p, f64v a, void *q, f64v b) { store_f64(p, a), store_f64(q, b); }
INLINE void store_two_f16(void *p, f32v a, void *q, f32v b) { store_f16(p, a), store_f16(q, b); }
INLINE void store_two_bf16(void *p, f32v a, void *q, f32v b)
{
#if defined(__AVX2__) && !defined(__AVX512F__)
    if (!any_nan_f32(a, b)) {
        const __m256i high_a = (__m256i)(bf16_of_number(a) >> 16), high_b = (__m256i)(bf16_of_number(b) >> 16);
        const __m256i both = _mm256_permute4x64_epi64(_mm256_packus_epi32(high_a, high_b), 0xd8);
        _mm_storeu_si128(p, _mm256_castsi256_si128(both));
        _mm_storeu_si128(q, _mm256_extracti128_si256(both, 1));
        return;
    }
#endif
    store_bf16(p, a), store_bf16(q, b);
}

/* ---- pairs ----------------------------------------------------------------------------------------------------- */

/* Pairs a0 b0 a1 b1 ... over two registers to registers a and b, and back. a and b are in order(): pairs move within 128
 * bits only, where AVX2 shuffles in one cycle; across, 64 pairs take 18.9 ns to rotate, not 10.9. */
#if VEC_BYTES == 64
#define EVEN_32 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD_32 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define LOW_32 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_32 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define ORDER_32 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
#define ORDER_64 0, 1, 2, 3, 4, 5, 6, 7
#define EVEN_64 0, 2, 4, 6, 8, 10, 12, 14
#define ODD_64 1, 3, 5, 7, 9, 11, 13, 15
#define LOW_64 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_64 4, 12, 5, 13, 6, 14, 7, 15
#elif VEC_BYTES == 32
#define EVEN_32 0, 2, 8, 10, 4, 6, 12, 14
#define ODD_32 1, 3, 9, 11, 5, 7, 13, 15
#define ORDER_32 0, 1, 4, 5, 2, 3, 6, 7
#define LOW_32 0, 8, 1, 9, 4, 12, 5, 13
#define HIGH_32 2, 10, 3, 11, 6, 14, 7, 15
#define EVEN_64 0, 4, 2, 6
#define ODD_64 1, 5, 3, 7
#define ORDER_64 0, 2, 1, 3
#define LOW_64 0, 4, 2, 6
#define HIGH_64 1, 5, 3, 7
#else
#define EVEN_32 0, 2, 4, 6
#define ODD_32 1, 3, 5, 7
#define LOW_32 0, 4, 1, 5
#define HIGH_32 2, 6, 3, 7
#define ORDER_32 0, 1, 2, 3
#define ORDER_64 0, 1
#define EVEN_64 0, 2
#define ODD_64 1, 3
#define LOW_64 0, 2
#define HIGH_64 1, 3
#endif

INLINE f32v order_f32(f32v a) { return __builtin_shufflevector(a, a, ORDER_32); }
INLINE f64v order_f64(f64v a) { return __builtin_shufflevector(a, a, ORDER_64); }
INLINE f32v even_f32(f32v a, f32v b) { return __builtin_shufflevector(a, b, EVEN_32); }
INLINE f32v odd_f32(f32v a, f32v b) { return __builtin_shufflevector(a, b, ODD_32); }
INLINE f32v zip_low_f32(f32v a, f32v b) { return __builtin_shufflevector(a, b, LOW_32); }
INLINE f32v zip_high_f32(f32v a, f32v b) { return __builtin_shufflevector(a, b, HIGH_32); }
INLINE f64v even_f64(f64v a, f64v b) { return __builtin_shufflevector(a, b, EVEN_64); }
INLINE f64v odd_f64(f64v a, f64v b) { return __builtin_shufflevector(a, b, ODD_64); }
INLINE f64v zip_low_f64(f64v a, f64v b) { return __builtin_shufflevector(a, b, LOW_64); }
INLINE f64v zip_high_f64(f64v a, f64v b) { return __builtin_shufflevector(a, b, HIGH_64); }

/* As many pairs as a register has lanes, from and to memory; pair_order brings a register of tables into their order. */
#define PAIRS(type, wide, vector, lanes, size)                                                                        \
    INLINE void load_pairs_##type(const char *p, vector *a, vector *b)                                                \
    {                                                                                                                 \
        const vector low = load_##type(p), high = load_##type(p + lanes * size);                                      \
        *a = even_##wide(low, high), *b = odd_##wide(low, high);                                                      \
    }                                                                                                                 \
    INLINE void store_pairs_##type(char *p, vector a, vector b)                                                       \
    {                                                                                                                 \
        store_##type(p, zip_low_##wide(a, b)), store_##type(p + lanes * size, zip_high_##wide(a, b));                 \
    }                                                                                                                 \
    INLINE vector pair_order_##type(vector a) { return order_##wide(a); }

PAIRS(f32, f32, f32v, F32_LANES, 4)
PAIRS(f64, f64, f64v, F64_LANES, 8)
PAIRS(f16, f32, f32v, F32_LANES, 2)
#undef PAIRS

/* A pair of bf16 is a lane: nothing has to move. */
INLINE void load_pairs_bf16(const char *p, f32v *a, f32v *b)
{
    u32v pairs;
    memcpy(&pairs, p, sizeof pairs);
    *a = (f32v)(pairs << 16), *b = (f32v)(pairs & 0xffff0000);
}

INLINE void store_pairs_bf16(char *p, f32v a, f32v b)
{
    const int special = any_nan_f32(a, b);
    const u32v first = special ? bf16_bits(a) : bf16_of_number(a), second = special ? bf16_bits(b) : bf16_of_number(b);
    const u32v pairs = first >> 16 | (second & 0xffff0000);
    memcpy(p, &pairs, sizeof pairs);
}

INLINE f32v pair_order_bf16(f32v a) { return a; }

/* ---- memory ---------------------------------------------------------------------------------------------------- */

/* Copies n elements of size bytes, each step bytes from the one before. */
INLINE void copy_elements(char *to, ptrdiff_t to_step, const char *from, ptrdiff_t from_step, ptrdiff_t n,
                          size_t size)
{
    if (n > 0 && to_step == (ptrdiff_t)size && from_step == (ptrdiff_t)size)
        memcpy(to, from, (size_t)n * size);
    else
        for (ptrdiff_t i = 0; i < n; i++)
            memcpy(to + i * to_step, from + i * from_step, size);
}

/* Copies bytes around the caches: to must be VEC_BYTES-aligned, bytes a multiple of it. Needs stream_end() after. */
INLINE void stream_copy(void *to, const void *from, ptrdiff_t bytes)
{
#if defined(__AVX512F__)
    for (ptrdiff_t i = 0; i < bytes; i += 64)
        _mm512_stream_si512((void *)((char *)to + i), _mm512_loadu_si512((const char *)from + i));
#elif defined(__AVX2__)
    for (ptrdiff_t i = 0; i < bytes; i += 32)
        _mm256_stream_si256((void *)((char *)to + i), _mm256_loadu_si256((const void *)((const char *)from + i)));
#elif defined(__SSE2__)
    for (ptrdiff_t i = 0; i < bytes; i += 16)
        _mm_stream_si128((void *)((char *)to + i), _mm_loadu_si128((const void *)((const char *)from + i)));
#else
    memcpy(to, from, (size_t)bytes);
#endif
}

INLINE void stream_end(void)
{
#if defined(__SSE2__)
    _mm_sfence();
#endif
}

#endif
