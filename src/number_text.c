/* See number_text.h. A float has 14 significant digits ("%.14g"): it is scaled by a power of ten to an integer of 14 digits, in 128 bits, of which
** some 80 are behind the point. Their error is 2 at most, so it is known which way to round, but for what lies that near to the middle. */
#include "number_text.h"

#include <langinfo.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "json/internal.h"

enum { DIGITS = 14 };
static const uint64_t lowest = UINT64_C(10000000000000), limit = UINT64_C(100000000000000); /* the integers of 14 digits */

size_t hearth__integer_text(char *out, lua_Integer i) {
  char digits[24], *end = digits + sizeof digits, *p = hearth__json_digits_before(end, i < 0 ? 0U - (uint64_t)i : (uint64_t)i);
  if (i < 0) *--p = '-';
  memcpy(out, p, (size_t)(end - p));
  return (size_t)(end - p);
}

/* A finite normal double above zero times 10^k: the integer part, and in *up whether to round up. False when that is too close to call. */
static bool scale(uint64_t bits, int k, uint64_t *whole, bool *up) {
  uint64_t m = (bits & ((UINT64_C(1) << 52) - 1)) << 11 | UINT64_C(1) << 63;
  const uint64_t *power = hearth__json_pow10[k - HEARTH__POW10_FIRST];
  unsigned __int128 p = (unsigned __int128)power[0] * m + (uint64_t)((unsigned __int128)power[1] * m >> 64);
  int shift = 74 + 1075 - (int)(bits >> 52) - (k * 1741647 >> 19); /* floor(log2(10^k)); how many bits are behind the point */
  unsigned __int128 half = (unsigned __int128)1 << (shift - 1), rest = p & (2 * half - 1);
  *whole = (uint64_t)(p >> shift);
  *up = rest > half;
  return *up ? rest - half > 2 : half - rest > 2;
}

/* The digits of a float, and the power of ten of the first. */
static bool round_to_digits(uint64_t bits, uint64_t *digits, int *exponent) {
  int e = ((int)(bits >> 52) - 1023) * 78913 >> 18; /* floor(log10) of the power of two: one less at times */
  uint64_t n;
  bool up;
  if (!scale(bits, DIGITS - 1 - e, &n, &up)) return false;
  if (n >= limit && !scale(bits, DIGITS - 1 - ++e, &n, &up)) return false;
  n += up;
  if (n == limit) {
    n = lowest;
    e++;
  }
  *digits = n;
  *exponent = e;
  return true;
}

static char *add(char *p, const char *text, size_t n) {
  memcpy(p, text, n);
  return p + n;
}

static char *add_exponent(char *p, int e) {
  *p++ = 'e';
  *p++ = e < 0 ? '-' : '+';
  e = e < 0 ? -e : e;
  if (e < 10) *p++ = '0';
  return p + hearth__integer_text(p, e);
}

size_t hearth__float_text(char *out, lua_Number d) {
  uint64_t bits, n;
  int e;
  memcpy(&bits, &d, sizeof bits);
  bool negative = bits >> 63;
  bits &= ~(UINT64_C(1) << 63);
  unsigned biased = (unsigned)(bits >> 52);
  if (biased == 0 || biased == 2047 || *nl_langinfo(RADIXCHAR) != '.' || !round_to_digits(bits, &n, &e)) return 0;
  char digits[HEARTH__NUMBER_TEXT], *p = out;
  hearth__integer_text(digits, (lua_Integer)n);
  size_t count = DIGITS, point = e >= 0 && e < DIGITS ? (size_t)e + 1 : 1;
  while (count > 1 && digits[count - 1] == '0') count--;
  if (negative) *p++ = '-';
  if (e < 0 && e >= -4) { /* 0.00123 */
    p = add(p, "0.000", (size_t)(1 - e));
    p = add(p, digits, count);
  } else { /* 12.3, 100.0 or 1.23e+100 */
    bool large = e < 0 || e >= DIGITS;
    p = add(p, digits, point);
    if (count > point) {
      *p++ = '.';
      p = add(p, digits + point, count - point);
    } else if (!large)
      p = add(p, ".0", 2); /* as Lua has it, so that it reads back as a float */
    if (large) p = add_exponent(p, e);
  }
  return (size_t)(p - out);
}
