/* SPDX-License-Identifier: BSD-3-Clause
 * Includes TEMPLATE once for each float type, with:
 *   TYPE             f32, f64, f16, bf16: the type of array elements
 *   ELEMENT, WIDE    what an element is stored as; what it is computed in (and tables hold)
 *   VEC, LANES       one register of WIDE
 *   LOAD, STORE      TYPE in memory <-> VEC: load_TYPE, store_TYPE
 *   W(name)          name's form for WIDE, such as load_f32
 */
#define TYPE f32
#define ELEMENT float
#define WIDE float
#define VEC f32v
#define LANES F32_LANES
#define W(name) name##_f32
#include TEMPLATE
#undef TYPE
#undef ELEMENT

#define TYPE f16
#define ELEMENT uint16_t
#include TEMPLATE
#undef TYPE

#define TYPE bf16
#include TEMPLATE
#undef TYPE
#undef ELEMENT
#undef WIDE
#undef VEC
#undef LANES
#undef W

#define TYPE f64
#define ELEMENT double
#define WIDE double
#define VEC f64v
#define LANES F64_LANES
#define W(name) name##_f64
#include TEMPLATE
#undef TYPE
#undef ELEMENT
#undef WIDE
#undef VEC
#undef LANES
#undef W
