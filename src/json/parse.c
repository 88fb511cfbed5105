/* Text to tape, and the check of a text. Strict: RFC 8259 to the letter, except that bytes which are not UTF-8 pass as they are.
** No Lua here and no recursion: the containers that are open are a small array. Any thread. */
#include <stdlib.h>

#include "json/tape.h"
#include "large.h"

typedef struct parser {
  hearth__json_tape *tape;
  const char *p, *end;
  hearth__json_item dummy; /* what is written when the text is only checked */
} parser;

static bool fail(parser *s, const char *error, const char *at) {
  s->tape->error = error;
  s->tape->error_at = (size_t)(at - s->tape->text);
  return false;
}

static bool out_of_memory(parser *s) {
  return fail(s, "", s->p);
}

enum { GROWS_FAST = (256 << 10) / sizeof(hearth__json_item) };

bool hearth__json_tape_grow(hearth__json_tape *tape) {
  if (tape->fixed) return false;
  /* A large block costs what is written to, not what it could hold. */
  size_t capacity = !tape->capacity ? tape->size / 8 + 16 : tape->capacity < GROWS_FAST ? tape->capacity * 2 : tape->capacity * 8;
  hearth__json_item *items = hearth__large_resize(tape->items, tape->capacity * sizeof *items, capacity * sizeof *items);
  if (!items) return false;
  tape->items = items;
  tape->capacity = capacity;
  return true;
}

static inline hearth__json_item *item(parser *s) {
  return s->tape->check ? &s->dummy : hearth__json_item_new(s->tape);
}

static inline const char *skip_space(const char *p, const char *end) {
  while (p < end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r')) p++;
  return p;
}

/* Four hexadecimal digits, or -1. */
static int hex4(const char *p, const char *end) {
  int n = 0;
  if (end - p < 4) return -1;
  for (int i = 0; i < 4; i++) {
    char c = p[i];
    int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return -1;
    n = n << 4 | digit;
  }
  return n;
}

static char *put_utf8(char *q, unsigned code) {
  if (code < 0x80) {
    *q++ = (char)code;
  } else if (code < 0x800) {
    *q++ = (char)(0xC0 | code >> 6);
    *q++ = (char)(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    *q++ = (char)(0xE0 | code >> 12);
    *q++ = (char)(0x80 | (code >> 6 & 0x3F));
    *q++ = (char)(0x80 | (code & 0x3F));
  } else {
    *q++ = (char)(0xF0 | code >> 18);
    *q++ = (char)(0x80 | (code >> 12 & 0x3F));
    *q++ = (char)(0x80 | (code >> 6 & 0x3F));
    *q++ = (char)(0x80 | (code & 0x3F));
  }
  return q;
}

/* The escape at p (behind the backslash) is written at *q; returns its end. */
static const char *unescape(parser *s, const char *p, char **q) {
  char c;
  if (p == s->end) return fail(s, "a string without its closing quote", p), NULL;
  switch (*p) {
    case '"': c = '"'; break;
    case '\\': c = '\\'; break;
    case '/': c = '/'; break;
    case 'b': c = '\b'; break;
    case 'f': c = '\f'; break;
    case 'n': c = '\n'; break;
    case 'r': c = '\r'; break;
    case 't': c = '\t'; break;
    case 'u': {
      int high = hex4(p + 1, s->end);
      if (high < 0) return fail(s, "\\u without four hexadecimal digits", p - 1), NULL;
      if (high >= 0xD800 && high < 0xE000) {
        int low = high < 0xDC00 && s->end - p > 6 && p[5] == '\\' && p[6] == 'u' ? hex4(p + 7, s->end) : -1;
        if (low < 0xDC00 || low > 0xDFFF) return fail(s, "half of a surrogate pair", p - 1), NULL;
        *q = put_utf8(*q, 0x10000u + ((unsigned)(high - 0xD800) << 10) + (unsigned)(low - 0xDC00));
        return p + 11;
      }
      *q = put_utf8(*q, (unsigned)high);
      return p + 5;
    }
    default: return fail(s, "an escape that JSON does not have", p - 1), NULL;
  }
  *(*q)++ = c;
  return p + 1;
}

/* The string whose opening quote is at s->p. An escape is never shorter than what it stands for, so the text without escapes
** has its place at the same offset of `unescaped`. */
static bool string(parser *s) {
  hearth__json_tape *tape = s->tape;
  const char *begin = ++s->p, *p = hearth__json_plain_run(begin, s->end);
  hearth__json_item *it = item(s);
  if (!it) return out_of_memory(s);
  size_t at = (size_t)(begin - tape->text);
  it->as.text = begin;
  if (p < s->end && *p == '"') {
    it->head = HEARTH__ITEM(ITEM_STRING, p - begin);
    s->p = p + 1;
    return true;
  }
  char scrap[4], *to = scrap, *q;
  if (!tape->check) {
    if (!tape->unescaped) {
      tape->unescaped = hearth__large_new(tape->size);
      if (!tape->unescaped) return out_of_memory(s);
      tape->owns_unescaped = true;
    }
    to = tape->unescaped + at;
    memmove(to, begin, (size_t)(p - begin));
    to += p - begin;
  }
  for (;;) {
    if (p == s->end) return fail(s, "a string without its closing quote", p);
    if (*p == '"') break;
    if (*p != '\\') return fail(s, "a control character in a string", p);
    q = to;
    p = unescape(s, p + 1, &q);
    if (!p) return false;
    const char *run = p;
    p = hearth__json_plain_run(run, s->end);
    if (!tape->check) {
      memmove(q, run, (size_t)(p - run));
      to = q + (p - run);
    }
  }
  if (!tape->check) {
    it->as.text = tape->unescaped + at;
    it->head = HEARTH__ITEM(ITEM_STRING, to - it->as.text);
  }
  s->p = p + 1;
  return true;
}

static bool word(parser *s, const char *text, size_t size, hearth__json_type type) {
  if ((size_t)(s->end - s->p) < size || memcmp(s->p, text, size) != 0) return fail(s, "a word that is not JSON", s->p);
  hearth__json_item *it = item(s);
  if (!it) return out_of_memory(s);
  it->head = HEARTH__ITEM(type, 0);
  s->p += size;
  return true;
}

bool hearth__json_parse_tape(hearth__json_tape *tape) {
  parser state = {.tape = tape, .p = tape->text, .end = tape->text + tape->size}, *s = &state;
  struct {
    size_t item;
    bool object;
  } open[HEARTH__JSON_DEPTH];
  int depth = 0;
  hearth__json_item *it;
  const char *bad;

value:
  s->p = skip_space(s->p, s->end);
  if (s->p == s->end) return fail(s, "the text ends where a value should be", s->p);
  switch (*s->p) {
    case '{':
    case '[': {
      bool object = *s->p == '{';
      if (depth == HEARTH__JSON_DEPTH) return fail(s, "nested more than 1000 deep", s->p);
      if (!(it = item(s))) return out_of_memory(s);
      it->head = HEARTH__ITEM(object ? ITEM_OBJECT : ITEM_ARRAY, 0);
      open[depth].item = tape->count - 1;
      open[depth++].object = object;
      s->p = skip_space(s->p + 1, s->end);
      if (s->p < s->end && *s->p == (object ? '}' : ']')) {
        s->p++;
        depth--;
        goto after;
      }
      if (object) goto key;
      goto value;
    }
    case '"':
      if (!string(s)) return false;
      goto after;
    case 't':
      if (!word(s, "true", 4, ITEM_TRUE)) return false;
      goto after;
    case 'f':
      if (!word(s, "false", 5, ITEM_FALSE)) return false;
      goto after;
    case 'n':
      if (!word(s, "null", 4, ITEM_NULL)) return false;
      goto after;
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
      if (!(it = item(s))) return out_of_memory(s);
      if (!(s->p = hearth__json_read_number(s->p, s->end, it, &tape->error, &bad))) return fail(s, tape->error, bad);
      goto after;
    default: return fail(s, "no value begins like this", s->p);
  }

key:
  if (s->p == s->end || *s->p != '"') return fail(s, "a key in quotes should be here", s->p);
  if (!string(s)) return false;
  s->p = skip_space(s->p, s->end);
  if (s->p == s->end || *s->p != ':') return fail(s, "a colon should be here", s->p);
  s->p++;
  goto value;

after: /* a value has ended */
  s->p = skip_space(s->p, s->end);
  if (depth == 0) return s->p == s->end || fail(s, "something follows the value", s->p);
  if (!tape->check) tape->items[open[depth - 1].item].head += HEARTH__ITEM(0, 1);
  bool object = open[depth - 1].object;
  if (s->p == s->end) return fail(s, object ? "an object without its closing brace" : "an array without its closing bracket", s->p);
  if (*s->p == ',') {
    s->p++;
    if (!object) goto value;
    s->p = skip_space(s->p, s->end);
    goto key;
  }
  if (*s->p != (object ? '}' : ']'))
    return fail(s, object ? "a comma or a closing brace should be here" : "a comma or a closing bracket should be here", s->p);
  s->p++;
  depth--;
  goto after;
}

void hearth__json_tape_clear(hearth__json_tape *tape) {
  if (!tape->fixed) hearth__large_free(tape->items, tape->capacity * sizeof *tape->items);
  if (tape->owns_unescaped) hearth__large_free(tape->unescaped, tape->size);
  memset(tape, 0, sizeof *tape);
}

void hearth__json_tape_free(hearth__json_tape *tape) {
  if (!tape) return;
  hearth__json_tape_clear(tape);
  free(tape);
}

hearth__json_tape *hearth__json_parse(const char *text, size_t size) {
  hearth__json_tape *tape = calloc(1, sizeof *tape);
  if (!tape) return NULL;
  tape->text = text;
  tape->size = size;
  if (!hearth__json_parse_tape(tape) && !*tape->error) {
    hearth__json_tape_free(tape);
    return NULL;
  }
  return tape;
}

bool hearth__json_tape_is_good(const hearth__json_tape *tape) {
  return !tape->error;
}

bool hearth__json_tape_is_table(const hearth__json_tape *tape) {
  return HEARTH__ITEM_TYPE(tape->items) >= ITEM_ARRAY;
}

size_t hearth__json_tape_string(const hearth__json_tape *tape) {
  return !tape->error && HEARTH__ITEM_TYPE(tape->items) == ITEM_STRING ? HEARTH__ITEM_COUNT(tape->items) : 0;
}

long hearth__json_check(const char *text, size_t size) {
  hearth__json_tape tape = {.text = text, .size = size, .check = true, .fixed = true};
  return hearth__json_parse_tape(&tape) ? -1 : (long)tape.error_at;
}
