/* Text as numbers, exact and whatever the locale. What has no fraction and no exponent and fits is an integer. Else: few digits and
** a small power of ten are one exact operation (Clinger); most others are settled by one or two 64-bit products (Eisel and Lemire);
** what has more than 19 digits and lies close to the middle of two doubles is left to strtod, as digits without a decimal point. */
#include <math.h>
#include <stdlib.h>

#include "json/tape.h"

static inline bool is_digit(char c) {
  return (unsigned char)(c - '0') < 10;
}

/* w * 10^q, rounded to the nearest double; infinite when out of range. */
static double scaled(uint64_t w, int64_t q) {
  if (w == 0 || q < HEARTH__POW10_FIRST) return 0;
  if (q > 308) return HUGE_VAL;
  int zeros = __builtin_clzll(w);
  w <<= zeros;
  const uint64_t *power = hearth__json_pow10[q - HEARTH__POW10_FIRST];
  unsigned __int128 product = (unsigned __int128)w * power[0];
  uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
  if ((high & 0x1FF) == 0x1FF) { /* the low half of the power may matter */
    uint64_t more = (uint64_t)((unsigned __int128)w * power[1] >> 64);
    low += more;
    high += low < more;
  }
  int top = (int)(high >> 63), shift = top + 9;
  uint64_t mantissa = high >> shift; /* 54 bits: one more than a double has */
  int exponent = (int)((217706 * q) >> 16) + 63 + top - zeros + 1023;
  if (exponent <= 0) { /* subnormal */
    if (exponent < -62) return 0;
    mantissa >>= 1 - exponent;
    mantissa = (mantissa + (mantissa & 1)) >> 1;
    exponent = mantissa >> 52 ? 1 : 0;
  } else {
    /* Exactly in the middle, which only these powers can be: to the even one. */
    if (low <= 1 && q >= -4 && q <= 23 && (mantissa & 3) == 1 && mantissa << shift == high) mantissa &= ~UINT64_C(1);
    mantissa = (mantissa + (mantissa & 1)) >> 1;
    if (mantissa >> 53) {
      mantissa >>= 1;
      exponent++;
    }
    if (exponent >= 0x7FF) return HUGE_VAL;
  }
  uint64_t bits = (mantissa & ((UINT64_C(1) << 52) - 1)) | (uint64_t)exponent << 52;
  double d;
  memcpy(&d, &bits, 8);
  return d;
}

/* 768 digits decide every rounding; a one behind them stands for all that follow. */
static double by_strtod(const char *p, const char *end, int64_t exponent) {
  char text[800];
  size_t n = 0;
  bool fraction = false, started = false, rest = false;
  for (; p < end && (is_digit(*p) || *p == '.'); p++) {
    if (*p == '.') {
      fraction = true;
      continue;
    }
    started = started || *p != '0';
    if (n < 770) {
      if (started) text[n++] = *p;
      exponent -= fraction;
    } else {
      rest = rest || *p != '0';
      exponent += !fraction;
    }
  }
  if (rest) {
    text[n++] = '1';
    exponent--;
  }
  if (exponent > 100000) exponent = 100000;
  if (exponent < -100000) exponent = -100000;
  text[n++] = 'e';
  bool negative = exponent < 0;
  if (negative) text[n++] = '-';
  uint64_t e = (uint64_t)(negative ? -exponent : exponent);
  char digits[8];
  size_t k = 0;
  do digits[k++] = (char)('0' + e % 10);
  while (e /= 10);
  while (k) text[n++] = digits[--k];
  text[n] = '\0';
  return strtod(text, NULL);
}

static double to_double(const char *begin, const char *end, uint64_t w, int64_t digits, int64_t written, int64_t exponent) {
  static const double exact[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  if (digits <= 19) {
    if (w <= UINT64_C(1) << 53 && exponent >= -22 && exponent <= 22)
      return exponent < 0 ? (double)w / exact[-exponent] : (double)w * exact[exponent];
    return scaled(w, exponent);
  }
  /* Leading zeros do not count, and the first nineteen digits often suffice. */
  int64_t kept = 0, dropped = 0;
  w = 0;
  for (const char *p = begin; p < end && (is_digit(*p) || *p == '.'); p++) {
    if (*p == '.') continue;
    if (kept == 19)
      dropped++;
    else {
      w = w * 10 + (uint64_t)(*p - '0');
      kept += w != 0;
    }
  }
  if (dropped == 0) return scaled(w, exponent);
  double low = scaled(w, exponent + dropped), high = scaled(w + 1, exponent + dropped);
  return low == high ? low : by_strtod(begin, end, written);
}

const char *hearth__json_read_number(const char *p, const char *end, hearth__json_item *out, const char **error, const char **bad) {
  const char *start = p;
  bool negative = *p == '-';
  if (negative) p++;
  const char *begin = p;
  if (p == end || !is_digit(*p)) {
    *error = "a digit is missing";
    *bad = p;
    return NULL;
  }
  uint64_t w = (uint64_t)(*p - '0');
  if (*p++ == '0') {
    if (p < end && is_digit(*p)) {
      *error = "a number with a leading zero";
      *bad = p;
      return NULL;
    }
  } else
    while (p < end && is_digit(*p)) w = w * 10 + (uint64_t)(*p++ - '0'); /* may wrap: then there are more than 19 digits */
  int64_t digits = p - begin;
  bool is_float = p < end && (*p == '.' || *p == 'e' || *p == 'E');
  if (!is_float && digits <= 19) {
    uint64_t limit = (UINT64_C(1) << 63) - !negative;
    if (w <= limit && !(negative && w == 0)) {
      out->head = HEARTH__ITEM(ITEM_INTEGER, 0);
      out->as.integer = negative ? (int64_t)(0 - w) : (int64_t)w;
      return p;
    }
  }
  int64_t exponent = 0, written = 0;
  if (p < end && *p == '.') {
    const char *fraction = ++p;
    while (p < end && is_digit(*p)) w = w * 10 + (uint64_t)(*p++ - '0');
    if (p == fraction) {
      *error = "a digit is missing behind the point";
      *bad = p;
      return NULL;
    }
    exponent = fraction - p;
    digits += p - fraction;
  }
  if (p < end && (*p == 'e' || *p == 'E')) {
    p++;
    bool minus = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    if (p == end || !is_digit(*p)) {
      *error = "a digit is missing in the exponent";
      *bad = p;
      return NULL;
    }
    for (; p < end && is_digit(*p); p++)
      if (written < 100000000000) written = written * 10 + (*p - '0');
    if (minus) written = -written;
  }
  double d = to_double(begin, end, w, digits, written, exponent + written);
  if (d == HUGE_VAL) {
    *error = "a number that no double can hold";
    *bad = start;
    return NULL;
  }
  out->head = HEARTH__ITEM(ITEM_FLOAT, 0);
  out->as.number = negative ? -d : d;
  return p;
}
