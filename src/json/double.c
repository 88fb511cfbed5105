/* Numbers as text. A double is printed by the shortest digits that read back as the same double (and of those the nearest), after
** Raffaello Giulietti's Schubfach: the interval of decimals that round to it is scaled by a power of ten, in 128 bits rounded to
** odd, and one of at most four candidates is taken. */
#include "json/internal.h"

static const char pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263"
    "646566676869707172737475767778798081828384858687888990919293949596979899";

char *hearth__json_digits_before(char *end, uint64_t n) {
  while (n >= 100) {
    uint64_t q = n / 100;
    end -= 2;
    memcpy(end, pairs + (n - q * 100) * 2, 2);
    n = q;
  }
  if (n >= 10) {
    end -= 2;
    memcpy(end, pairs + n * 2, 2);
  } else
    *--end = (char)('0' + n);
  return end;
}

/* How many digits n has, by how many bits it has. */
static unsigned count_digits(uint64_t n) {
  static const uint64_t tens[] = {1,
                                  10,
                                  100,
                                  1000,
                                  10000,
                                  100000,
                                  1000000,
                                  10000000,
                                  100000000,
                                  1000000000,
                                  10000000000,
                                  100000000000,
                                  1000000000000,
                                  10000000000000,
                                  100000000000000,
                                  1000000000000000,
                                  10000000000000000,
                                  100000000000000000,
                                  1000000000000000000,
                                  UINT64_C(10000000000000000000)};
  unsigned guess = (64 - (unsigned)__builtin_clzll(n | 1)) * 1233 >> 12; /* log10(2) is 1233 / 4096 */
  return guess + (n >= tens[guess]);
}

bool hearth__json_print_integer(hearth__json_buffer *b, int64_t n) {
  char *p = hearth__json_room(b, 20), *start = p;
  if (!p) return false;
  uint64_t u = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
  *p = '-';
  p += n < 0; /* no jump: there is no telling which way */
  if (u < 10)
    *p++ = (char)('0' + u);
  else
    hearth__json_digits_before(p += count_digits(u), u);
  b->size += (size_t)(p - start);
  return true;
}

/* floor(x * 2^-bits); the shift of a negative number is arithmetic on every compiler we build with. */
static inline int floor_shift(int x, int bits) {
  return x >> bits;
}

/* The high 64 of the 192 bits of c times a power of ten, with every lost bit folded into the lowest. */
static inline uint64_t round_to_odd(uint64_t high, uint64_t low, uint64_t c) {
  unsigned __int128 x = (unsigned __int128)low * c;
  unsigned __int128 y = (unsigned __int128)high * c + (uint64_t)(x >> 64);
  return (uint64_t)(y >> 64) | ((uint64_t)y > 1);
}

/* A finite double above zero as digits times 10^exponent. */
static uint64_t shortest(uint64_t bits, int *exponent) {
  uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
  int biased = (int)(bits >> 52);
  uint64_t c = biased ? fraction | UINT64_C(1) << 52 : fraction;
  int q = (biased ? biased : 1) - 1075;
  if (q <= 0 && q > -53 && (c & ((UINT64_C(1) << -q) - 1)) == 0) { /* a small integer */
    *exponent = 0;
    return c >> -q;
  }
  unsigned odd = c & 1;                          /* an even significand also owns the ends of its interval */
  unsigned closer = fraction == 0 && biased > 1; /* the neighbour below is half as far */
  uint64_t middle = 4 * c, left = middle - 2 + closer, right = middle + 2;
  int k = floor_shift(q * 1262611 - (closer ? 524031 : 0), 22); /* floor(log10(2^q)), of 3/4 of it when closer */
  int h = q + floor_shift(-k * 1741647, 19) + 1;
  const uint64_t *power = hearth__json_pow10[-k - HEARTH__POW10_FIRST];
  /* The table is cut off where this needs it rounded up; no entry's low half is all ones. */
  uint64_t low = power[1] + (-k < -27 || -k > 55);
  uint64_t lower = round_to_odd(power[0], low, left << h) + odd;
  uint64_t value = round_to_odd(power[0], low, middle << h);
  uint64_t upper = round_to_odd(power[0], low, right << h) - odd;
  uint64_t s = value / 4;
  if (s >= 10) { /* one digit less, if exactly one such candidate is inside */
    uint64_t t = s / 10;
    bool down = lower <= 40 * t, up = 40 * t + 40 <= upper;
    if (down != up) {
      *exponent = k + 1;
      return t + up;
    }
  }
  *exponent = k;
  bool down = lower <= 4 * s, up = 4 * s + 4 <= upper;
  if (down != up) return s + up;
  uint64_t half = 4 * s + 2;
  return s + (value > half || (value == half && (s & 1)));
}

bool hearth__json_print_double(hearth__json_buffer *b, double d) {
  char *p = hearth__json_room(b, 32), *start = p;
  if (!p) return false;
  uint64_t bits;
  memcpy(&bits, &d, 8);
  if (bits >> 63) {
    *p++ = '-';
    bits &= ~(UINT64_C(1) << 63);
  }
  if (bits == 0) {
    memcpy(p, "0.0", 3);
    b->size += (size_t)(p + 3 - start);
    return true;
  }
  int exponent;
  uint64_t value = shortest(bits, &exponent);
  char digits[20], *end = digits + sizeof digits, *begin = hearth__json_digits_before(end, value);
  int count = (int)(end - begin), point = count + exponent; /* the decimal point stands behind that many digits */
  while (count > 1 && begin[count - 1] == '0') count--;
  size_t n = (size_t)count;
  if (point > 21 || point < -5) { /* 1.5e300, 1e-7 */
    *p++ = *begin;
    if (n > 1) {
      *p++ = '.';
      memcpy(p, begin + 1, n - 1);
      p += n - 1;
    }
    *p++ = 'e';
    int e = point - 1;
    if (e < 0) {
      *p++ = '-';
      e = -e;
    }
    char tail[4], *first = hearth__json_digits_before(tail + 4, (uint64_t)e);
    size_t width = (size_t)(tail + 4 - first);
    memcpy(p, first, width);
    p += width;
  } else if (point <= 0) { /* 0.00123 */
    memcpy(p, "0.00000", 7);
    p += 2 - point;
    memcpy(p, begin, n);
    p += n;
  } else if (point >= count) { /* 1200.0 */
    memcpy(p, begin, n);
    memset(p + n, '0', (size_t)(point - count));
    p += point;
    memcpy(p, ".0", 2);
    p += 2;
  } else { /* 12.5 */
    memcpy(p, begin, (size_t)point);
    p[point] = '.';
    memcpy(p + point + 1, begin + point, (size_t)(count - point));
    p += count + 1;
  }
  b->size += (size_t)(p - start);
  return true;
}
