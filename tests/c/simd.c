/* SPDX-License-Identifier: BSD-3-Clause
 * Checks what csrc/simd holds, whether a kernel uses it yet or not. Compiled once per ISA, with that ISA's flags and
 * -DISA=name -ffp-contract=off; exit status 1 if something failed. With an argument n, every n-th case only.
 */
#include "simd/math.h"

#include "check.h"
#include "formats.h"

#include <float.h>
#include <stdlib.h>

static const char isa[] = STRING(ISA);

static double ulp(double x, int digits)
{
    int exponent;
    frexp(x, &exponent);
    return ldexp(1, exponent - digits);
}

/* ---- exp2 -------------------------------------------------------------------------------------------------------- */

/* A type of one register, seen through arrays of `lanes` doubles, which hold all its numbers. */
typedef struct {
    const char *name;
    int lanes, digits, least, most; /* exponents to try: from far below the smallest normal number to the largest */
    double smallest, epsilon;
    void (*exp2)(double *y, const double *x, double exponent);
} wide;

static void exp2_f32_of(double *y, const double *x, double exponent)
{
    float in[F32_LANES], out[F32_LANES];
    for (int i = 0; i < F32_LANES; i++)
        in[i] = (float)x[i];
    store_f32(out, exp2_f32(load_f32(in), all_f32((float)exponent)));
    for (int i = 0; i < F32_LANES; i++)
        y[i] = (double)out[i];
}

static void exp2_f64_of(double *y, const double *x, double exponent)
{
    store_f64(y, exp2_f64(load_f64(x), all_f64(exponent)));
}

static const wide wides[] = {
    {"f32", F32_LANES, FLT_MANT_DIG, -150, 127, FLT_MIN, FLT_EPSILON, exp2_f32_of},
    {"f64", F64_LANES, DBL_MANT_DIG, -1080, 1023, DBL_MIN, DBL_EPSILON, exp2_f64_of},
};

/* 2^(x - exponent) within 2 ulp, exact where x is whole; below the smallest normal number within that number's ulp, or
 * 0. Returns the error, in the last place of a normal number. */
static double check_exp2(const wide *w, double x, double exponent, double y)
{
    const long double exact = exp2l((long double)x - (long double)exponent);
    const double error = (double)fabsl((long double)y - exact), ulps = error / ulp((double)exact, w->digits);
    const double small = (double)exact / w->smallest;
    const int right = small < 1 ? error <= 4 * w->smallest * w->epsilon || (y == 0 && small < 0.75)
                                : ulps <= 2 && (x != rint(x) || error == 0);
    if (!right)
        wrong("2^(%a - %a) is %a, %.2f ulp off", x, exponent, y, ulps);
    return small < 1 ? 0 : ulps;
}

static double worst_exp2(const wide *w, const double *x, double exponent)
{
    double y[F32_LANES], worst = 0;
    w->exp2(y, x, exponent);
    for (int i = 0; i < w->lanes; i++)
        worst = fmax(worst, check_exp2(w, x[i], exponent, y[i]));
    return worst;
}

/* Dense, and next to whole and half numbers, where the polynomial's range ends; exponents of both signs. */
static void test_exp2(const wide *w)
{
    enum { STEPS = 1 << 10 };
    double x[F32_LANES], quarters[F32_LANES], worst = 0;
    int n = 0;
    for (int k = w->least * STEPS; k <= w->most * STEPS; k += w->digits == DBL_MANT_DIG ? 8 : 1)
        for (int next = k % (STEPS / 2) ? 0 : -1; next <= (k % (STEPS / 2) ? 0 : 1); next++) {
            x[n] = (double)k / STEPS * (1 + next * w->epsilon);
            x[n] = w->digits == FLT_MANT_DIG ? (double)(float)x[n] : x[n];
            quarters[n] = x[n] / 4;
            n = (n + 1) % w->lanes;
            if (n || left_out())
                continue;
            worst = fmax(worst, worst_exp2(w, x, 0));
            worst = fmax(worst, worst_exp2(w, quarters, k / STEPS / 2));
            worst = fmax(worst, worst_exp2(w, quarters, -w->most / 2));
        }
    const double special[] = {-INFINITY, -1e30, 4 * w->least, NAN, -0.0}, exact[] = {0, 0, 0, NAN, 1};
    for (int i = 0; i < 5; i++) {
        for (int lane = 0; lane < w->lanes; lane++)
            x[lane] = lane % 2 ? special[i] : lane;
        w->exp2(x, x, 0);
        for (int lane = 0; lane < w->lanes; lane++) {
            const double want = lane % 2 ? exact[i] : ldexp(1, lane);
            if (!(x[lane] == want || (isnan(want) && isnan(x[lane]))))
                wrong("2^%g is %g", lane % 2 ? special[i] : lane, x[lane]);
        }
    }
    section("exp2_%s %s, at most %.2f ulp", w->name, isa, worst);
}

/* ---- sine and cosine --------------------------------------------------------------------------------------------- */

static void test_sincos(void)
{
    double x[F64_LANES], s[F64_LANES], c[F64_LANES], worst = 0;
    random_seed(1);
    for (int round = 0; round < 20000; round++) {
        for (int i = 0; i < F64_LANES; i++) {
            const int exponent = (int)random_below(60) - 53 - 28; /* |x| < 2^31 */
            x[i] = ldexp((double)((int64_t)random_bits() >> 10), exponent);
        }
        f64v sine, cosine;
        if (left_out())
            continue;
        sincos_f64(load_f64(x), &sine, &cosine);
        store_f64(s, sine), store_f64(c, cosine);
        for (int i = 0; i < F64_LANES; i++) {
            const long double es = sinl((long double)x[i]), ec = cosl((long double)x[i]);
            const double s_error = (double)fabsl((long double)s[i] - es) / (ulp((double)es, DBL_MANT_DIG) + 0x1p-67);
            const double c_error = (double)fabsl((long double)c[i] - ec) / (ulp((double)ec, DBL_MANT_DIG) + 0x1p-67);
            worst = fmax(worst, fmax(s_error, c_error));
            if (!(s_error <= 2 && c_error <= 2))
                wrong("sincos(%a) is %a, %a: %.2f, %.2f ulp off", x[i], s[i], c[i], s_error, c_error);
        }
    }
    section("sincos_f64 %s, at most %.2f ulp", isa, worst);
}

/* ---- 16-bit floats ----------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    format format;
    f32v (*load)(const void *p);
    void (*store)(void *p, f32v v);
} half;

static const half halves[] = {{"f16", FORMAT_F16, load_f16, store_f16},
                              {"bf16", FORMAT_BF16, load_bf16, store_bf16}};

static void check_widening(const half *h, uint32_t first)
{
    uint16_t patterns[F32_LANES];
    float widened[F32_LANES];
    for (int i = 0; i < F32_LANES; i++)
        patterns[i] = (uint16_t)(first + (uint32_t)i);
    store_f32(widened, h->load(patterns));
    for (int i = 0; i < F32_LANES; i++) {
        const format f = h->format;
        uint32_t exact = (uint32_t)of_float((float)value_of(f, patterns[i]));
        if (is_nan(f, patterns[i])) { /* some make signalling ones quiet, some do not */
            exact = (uint32_t)(patterns[i] & sign_bit(f)) << 16 | 0x7f800000u |
                    (uint32_t)(patterns[i] & ((1u << f.mantissa) - 1)) << (23 - f.mantissa);
            exact |= (uint32_t)of_float(widened[i]) & 0x00400000u;
        }
        if ((uint32_t)of_float(widened[i]) != exact)
            wrong("%s %#x widens to %#x, not %#x", h->name, patterns[i], (uint32_t)of_float(widened[i]), exact);
    }
}

static void check_narrowing(const half *h, const uint32_t *patterns)
{
    uint16_t narrowed[F32_LANES];
    h->store(narrowed, load_f32(patterns));
    for (int i = 0; i < F32_LANES; i++) {
        const uint64_t exact = narrow(h->format, as_float(patterns[i]));
        if (narrowed[i] != exact)
            wrong("float32 %#x becomes %s %#x, not %#x", patterns[i], h->name, narrowed[i], (unsigned)exact);
    }
}

/* All patterns of 16 bits; the float32 around each of them and around the middle of each two, ties among them; and
 * every 1009th float32, NaNs among them. */
static void test_conversions(const half *h)
{
    const format f = h->format;
    uint32_t patterns[F32_LANES] = {0};
    int n = 0;
    for (uint32_t p = 0; p < 1 << 16; p += F32_LANES)
        check_widening(h, p);
    for (uint64_t p = 0; p < top_of(f); p++) {
        const double step = value_of(f, p ? p : 1) - value_of(f, p ? p - 1 : 0);
        const double above = p + 1 < top_of(f) ? value_of(f, p + 1) : value_of(f, p) + step;
        const double middle = (value_of(f, p) + above) / 2;
        const uint32_t numbers[] = {(uint32_t)of_float((float)value_of(f, p)), (uint32_t)of_float((float)middle)};
        for (int i = 0; i < 12; i++) {
            const uint32_t x = numbers[i / 6] + (uint32_t)(i % 3) - 1;
            patterns[n] = i / 3 % 2 ? x ^ 0x80000000u : x;
            n = (n + 1) % F32_LANES;
            if (n == 0)
                check_narrowing(h, patterns);
        }
    }
    for (uint64_t x = 0; x < UINT64_C(1) << 32; x += 1009) {
        patterns[n] = (uint32_t)x;
        n = (n + 1) % F32_LANES;
        if (n == 0)
            check_narrowing(h, patterns);
    }
    section("%s to float32 and back, %s", h->name, isa);
}

/* ---- lanes, streams ---------------------------------------------------------------------------------------------- */

static void test_lanes(void)
{
    float a[2 * F32_LANES], even[F32_LANES], odd[F32_LANES], order[F32_LANES], zipped[2 * F32_LANES];
    double d[2 * F64_LANES], even_d[F64_LANES], odd_d[F64_LANES], order_d[F64_LANES], zipped_d[2 * F64_LANES];
    for (int i = 0; i < 2 * F32_LANES; i++)
        a[i] = (float)i;
    for (int i = 0; i < 2 * F64_LANES; i++)
        d[i] = i;
    const f32v e = even_f32(load_f32(a), load_f32(a + F32_LANES)), o = odd_f32(load_f32(a), load_f32(a + F32_LANES));
    const f64v e_d = even_f64(load_f64(d), load_f64(d + F64_LANES));
    const f64v o_d = odd_f64(load_f64(d), load_f64(d + F64_LANES));
    store_f32(order, order_f32(load_f32(a))), store_f64(order_d, order_f64(load_f64(d)));
    store_f32(even, e), store_f32(odd, o);
    store_f32(zipped, zip_low_f32(e, o)), store_f32(zipped + F32_LANES, zip_high_f32(e, o));
    store_f64(even_d, e_d), store_f64(odd_d, o_d);
    store_f64(zipped_d, zip_low_f64(e_d, o_d)), store_f64(zipped_d + F64_LANES, zip_high_f64(e_d, o_d));
    for (int i = 0; i < F32_LANES; i++)
        if (even[i] != 2 * order[i] || odd[i] != 2 * order[i] + 1)
            wrong("float32 lane %d: even %g, odd %g", i, (double)even[i], (double)odd[i]);
    for (int i = 0; i < F64_LANES; i++)
        if (even_d[i] != 2 * order_d[i] || odd_d[i] != 2 * order_d[i] + 1)
            wrong("float64 lane %d: even %g, odd %g", i, even_d[i], odd_d[i]);
    if (memcmp(zipped, a, sizeof a) != 0 || memcmp(zipped_d, d, sizeof d) != 0)
        wrong("zip does not undo even and odd");
    store_f32(a, all_f32(-1.5f)), store_f64(d, all_f64(-1.5));
    for (int i = 0; i < F32_LANES; i++)
        if (a[i] != -1.5f || d[i % F64_LANES] != -1.5)
            wrong("all: lane %d differs", i);
    section("even, odd, zip, all, %s", isa);
}

/* max(a, b) is b where one is NaN; round goes to the nearest whole number, ties to even. */
static void test_max_and_round(void)
{
    static const double numbers[] = {0.5,        1.5,       2.5,  -0.5, -1.5,     -2.5,
                                     0.49999997, 8388607.5, -0.0, 1e9,  INFINITY, -INFINITY, NAN};
    enum { COUNT = sizeof numbers / sizeof *numbers };
    for (int i = 0; i < COUNT; i++) {
        float f[F32_LANES];
        double d[F64_LANES];
        store_f32(f, round_f32(all_f32((float)numbers[i])));
        store_f64(d, round_f64(all_f64(numbers[i])));
        if (f[F32_LANES - 1] != rintf((float)numbers[i]) && !isnan(numbers[i]))
            wrong("round_f32(%g) is %g", numbers[i], (double)f[F32_LANES - 1]);
        if (d[F64_LANES - 1] != rint(numbers[i]) && !isnan(numbers[i]))
            wrong("round_f64(%g) is %g", numbers[i], d[F64_LANES - 1]);
        for (int j = 0; j < COUNT; j++) {
            const double largest = numbers[i] > numbers[j] ? numbers[i] : numbers[j];
            store_f32(f, max_f32(all_f32((float)numbers[i]), all_f32((float)numbers[j])));
            store_f64(d, max_f64(all_f64(numbers[i]), all_f64(numbers[j])));
            if (isnan(largest) ? !isnan(d[0]) || !isnan(f[0]) : d[0] != largest || f[0] != (float)largest)
                wrong("the larger of %g and %g is %g", numbers[i], numbers[j], d[0]);
        }
    }
    section("max and round, %s", isa);
}

static void test_stream(void)
{
    enum { BYTES = 8 * VEC_BYTES };
    char *memory = block(3 * BYTES), *aligned = memory + (-(uintptr_t)memory & (VEC_BYTES - 1)) + VEC_BYTES;
    char *from = block(BYTES + 1);
    for (int i = 0; i <= BYTES; i++)
        from[i] = (char)(3 * i);
    for (ptrdiff_t bytes = 0; bytes <= BYTES; bytes += VEC_BYTES) {
        memset(memory, 0x5a, 3 * BYTES);
        stream_copy(aligned, from + 1, bytes); /* only the target has to be aligned */
        stream_end();
        if (memcmp(aligned, from + 1, (size_t)bytes) != 0 || aligned[-1] != 0x5a || aligned[bytes] != 0x5a)
            wrong("a stream of %td bytes", bytes);
    }
    free(memory), free(from);
    section("stream_copy %s", isa);
}

int main(int argc, char **argv)
{
    thin_out(argc > 1 ? atoi(argv[1]) : 1);
    test_exp2(&wides[0]);
    test_exp2(&wides[1]);
    test_sincos();
    test_conversions(&halves[0]);
    test_conversions(&halves[1]);
    test_lanes();
    test_max_and_round();
    test_stream();
    return summary();
}
