/* SPDX-License-Identifier: BSD-3-Clause
 * rope_table against long double sine and cosine. */
#include "fastops.h"

#include "check.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double LARGEST_ANGLE = 2147483647.0;

static double ulp(long double x, int digits)
{
    int exponent;
    frexpl(x, &exponent);
    return ldexp(1, exponent - digits);
}

/* factor times a sine or cosine: that within 2 ulp of float64, the product rounded to float64 and to the element type.
 * Next to 0 the 2 ulp cannot be had with pi/2 in 97 bits: of an angle 2^-60 may be left, and 2^-66 is its error. */
static void check_entry(fastops_type type, const char *name, ptrdiff_t i, const char *got, long double exact,
                        double factor)
{
    const long double product = exact * (long double)factor;
    double bound = fabs(factor) * (2 * ulp(exact, DBL_MANT_DIG) + 0x1p-66) + ulp(product, DBL_MANT_DIG) / 2;
    float f;
    double d;
    if (type == fastops_f32) {
        memcpy(&f, got, sizeof f);
        d = (double)f;
        bound += ulp(product, FLT_MANT_DIG) / 2;
    } else {
        memcpy(&d, got, sizeof d);
    }
    if (!(fabsl((long double)d - product) <= (long double)bound))
        wrong("%s entry %td: %a is off by %g, more than %g", name, i, d, (double)((long double)d - product), bound);
}

static double draw_position(double largest)
{
    const int exponent = (int)random_below(34) - 3;
    const double magnitude = ldexp(1 + (double)random_below(1 << 30) / (1 << 30), exponent);
    double position = magnitude < largest ? magnitude : largest;
    position = random_bits() % 4 ? floor(position) : position;
    return random_bits() % 4 ? position : -position;
}

static void test_table(fastops_type type, ptrdiff_t rows, ptrdiff_t pairs, ptrdiff_t coordinates, int angle_in_f32)
{
    const ptrdiff_t size = type == fastops_f64 ? 8 : 4, bytes = rows * pairs * size;
    double *positions = (double *)block(rows * coordinates * 8), *inverse = (double *)block(pairs * 8);
    ptrdiff_t *axes = (ptrdiff_t *)block(pairs * (ptrdiff_t)sizeof(ptrdiff_t));
    const double factor = rows % 2 ? 1.0 : 1.25;
    for (ptrdiff_t i = 0; i < pairs; i++)
        inverse[i] = pow(10000, -(double)i / (double)pairs) * (i % 5 == 4 ? -1 : 1);
    for (ptrdiff_t i = 0; i < pairs; i++)
        axes[i] = random_below(coordinates);
    for (ptrdiff_t t = 0; t < rows * coordinates; t++)
        positions[t] = draw_position(LARGEST_ANGLE);
    for (int threads = 1; threads <= 2; threads++) {
        fastops_rope_table s = {.positions = positions, .inverse = inverse, .axes = coordinates > 1 ? axes : NULL,
                                .coordinates = coordinates, .cos = block(bytes), .sin = block(bytes), .pairs = pairs,
                                .factor = factor, .angle_in_f32 = angle_in_f32};
        if (fastops_scratch(fastops_kernel_rope_table, type, &s, threads) != 0)
            wrong("a table needs scratch");
        if (fastops_run(fastops_kernel_rope_table, type, &s, rows, threads, NULL) != 0)
            wrong("a table has events");
        for (ptrdiff_t i = 0; threads == 1 && i < rows * pairs; i++) {
            const double p = positions[i / pairs * coordinates + axes[i % pairs]], w = inverse[i % pairs];
            const double angle = angle_in_f32 ? (double)((float)p * (float)w) : p * w;
            check_entry(type, "cos", i, (char *)s.cos + i * size, cosl((long double)angle), factor);
            check_entry(type, "sin", i, (char *)s.sin + i * size, sinl((long double)angle), factor);
        }
        fold(s.cos, bytes);
        fold(s.sin, bytes);
        free(s.cos), free(s.sin);
    }
    free(positions), free(inverse), free(axes);
}

/* Next to multiples of pi/2, where the most of an angle cancels. */
static void test_cancellation(fastops_type type)
{
    const long double half_pi = 1.57079632679489661923132169163975144L;
    enum { ROWS = 2000 };
    double *positions = (double *)block(ROWS * 8), one[] = {1.0};
    for (int t = 0; t < ROWS; t++)
        positions[t] = (double)(half_pi * (long double)(1 + random_bits() % 1367130551)); /* k < 2^31 / (pi/2) */
    const ptrdiff_t size = type == fastops_f64 ? 8 : 4;
    fastops_rope_table s = {.positions = positions, .inverse = one, .coordinates = 1, .cos = block(ROWS * size),
                            .sin = block(ROWS * size), .pairs = 1, .factor = 1.0};
    fastops_run(fastops_kernel_rope_table, type, &s, ROWS, 2, NULL);
    for (ptrdiff_t t = 0; t < ROWS; t++) {
        check_entry(type, "cos at k pi/2", t, (char *)s.cos + t * size, cosl((long double)positions[t]), 1);
        check_entry(type, "sin at k pi/2", t, (char *)s.sin + t * size, sinl((long double)positions[t]), 1);
    }
    free(positions), free(s.cos), free(s.sin);
}

void test_rope_table(fastops_type type)
{
    if (type != fastops_f32 && type != fastops_f64) {
        wrong("no definition for element type %d", type);
        return;
    }
    for (int i = 0; i < SIZES; i++)
        for (int angle_in_f32 = 0; angle_in_f32 <= 1; angle_in_f32++) {
            if (left_out())
                continue;
            test_table(type, 3, size_of(i), 1, angle_in_f32);
            test_table(type, size_of(i), 5, 1, angle_in_f32);
            test_table(type, 3, size_of(i), 3, angle_in_f32);
        }
    test_cancellation(type);
}
