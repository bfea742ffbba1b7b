/* SPDX-License-Identifier: BSD-3-Clause
 * One register of products on patterns, checked and corrected; included by matmul_tile.h. */

/* Which product. Patterns of magnitudes are added, and `add` to the sum; below low it is 0, from high on infinite. */
typedef struct {
    __int128 constant;   /* of the log domain, in units of the fraction's last place */
    UINT add, low, high;
    UINT correction;     /* Saadat's, of a product without carry; else 0 */
    UINT kept;           /* bits that a corrected product keeps */
} NAME(rule);

INLINE UINT NAME(clamped)(__int128 x) { return x < 0 ? 0 : x > (UINT)-1 ? (UINT)-1 : (UINT)x; }

static NAME(rule) NAME(rule_of)(const fastops_matmul *s, int mantissa)
{
    const double far = 4 * (BIAS + 1); /* farther than any two exponents are apart */
    const double offset = s->offset > far ? far : s->offset < -far ? -far : s->offset;
    const int unused = MANTISSA - mantissa;
    const __int128 places = (__int128)__builtin_rint(offset * (double)(INT64_C(1) << mantissa));
    NAME(rule) r = {.constant = places * ((UINT)1 << unused)};
    const __int128 raised = (__int128)EXPONENT(BIAS) - r.constant;
    r.add = (UINT)-raised;
    r.low = NAME(clamped)(raised + TINY);
    r.high = NAME(clamped)(raised + TOP);
    r.correction = s->mbm ? EXPONENT(5) >> 6 : 0;
    r.kept = ~(((UINT)1 << unused) - 1);
    return r;
}

/* Saadat's correction of sums x + y of patterns: 5/64 is added to the significand, or half of it after a carry, where it
 * is dropped if it would carry once more. */
INLINE UVEC NAME(corrected)(UVEC x, UVEC y, UVEC sum, const NAME(rule) *rule)
{
    const UINT half = rule->correction / 2; /* whole */
    const UVEC no_carry = (UVEC)(((x ^ y ^ sum) & TINY) == 0), p = sum + half + (no_carry & half);
    const UVEC stays = (UVEC)(((p ^ sum) & TINY) == 0), rest = p & (TINY - 1);
    return NAME(where)(stays, p, NAME(where)(no_carry, p - rest + (rest >> 1), sum)) & rule->kept;
}

INLINE UVEC NAME(checked)(UVEC a, UVEC b, const NAME(rule) *rule)
{
    const UVEC m = a & (SIGN - 1), n = b & (SIGN - 1), plain = m + n;
    const UVEC sum = rule->correction ? NAME(corrected)(m, n, plain, rule) : plain;
    const UVEC zero = (UVEC)(m < TINY) | (UVEC)(n < TINY), top = (UVEC)(m >= TOP) | (UVEC)(n >= TOP);
    const UVEC nan = (UVEC)(m > TOP) | (UVEC)(n > TOP) | (zero & top);
    UVEC r = (sum + rule->add) & ~(UVEC)(sum < NAME(all)(rule->low));
    r = NAME(where)((UVEC)(sum >= NAME(all)(rule->high)), NAME(all)(TOP), r) & ~zero;
    r = NAME(where)(top, NAME(all)(TOP), r) | ((a ^ b) & SIGN);
    return NAME(where)(nan, NAME(all)(INVALID), r);
}
