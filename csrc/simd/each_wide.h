/* SPDX-License-Identifier: BSD-3-Clause
 * Includes TEMPLATE once for float32 and once for float64, with:
 *   TYPE             f32, f64
 *   WIDE, UINT       an element; its bit pattern
 *   VEC, UVEC        one register of them
 *   LANES
 *   W(name)          name's form for WIDE, such as load_f32
 *   MANTISSA, BIAS   bits of the fraction; bias of the exponent
 */
#define TYPE f32
#define WIDE float
#define UINT uint32_t
#define VEC f32v
#define UVEC u32v
#define LANES F32_LANES
#define W(name) name##_f32
#define MANTISSA 23
#define BIAS 127
#include TEMPLATE
#undef TYPE
#undef WIDE
#undef UINT
#undef VEC
#undef UVEC
#undef LANES
#undef W
#undef MANTISSA
#undef BIAS

#define TYPE f64
#define WIDE double
#define UINT uint64_t
#define VEC f64v
#define UVEC u64v
#define LANES F64_LANES
#define W(name) name##_f64
#define MANTISSA 52
#define BIAS 1023
#include TEMPLATE
#undef TYPE
#undef WIDE
#undef UINT
#undef VEC
#undef UVEC
#undef LANES
#undef W
#undef MANTISSA
#undef BIAS
