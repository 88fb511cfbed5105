/* The text of a JSON file store is read. It is checked to be JSON first, so that below only its shape can be wrong. */
#include "store/jsontext.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/json.h"

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

typedef struct slice {
  const char *p, *end;
} slice;

static const char *skip_blank(const char *p) {
  while (is_blank(*p)) p++;
  return p;
}

static const char *skip_string(const char *p) {
  for (p++; *p != '"'; p++)
    if (*p == '\\') p++;
  return p + 1;
}

/* The end of the value that begins at p. */
static const char *skip_value(const char *p) {
  int depth = 0;
  do {
    if (*p == '"') {
      p = skip_string(p);
      continue;
    }
    if (*p == '{' || *p == '[') depth++;
    if (*p == '}' || *p == ']') depth--;
    p++;
  } while (depth > 0 || (depth == 0 && *p && !strchr(",]} \t\r\n", *p) && p[-1] != '}' && p[-1] != ']' && p[-1] != '"'));
  return p;
}

/* Walks an object (or an array: no keys). `at` begins as its first byte; false at its end. */
static bool next_member(const char **at, slice *key, slice *value) {
  const char *p = *at;
  bool object;
  if (*p == '{' || *p == '[') {
    object = *p == '{';
    p = skip_blank(p + 1);
    if (*p == '}' || *p == ']') return false;
  } else {
    p = skip_blank(p);
    if (*p != ',') return false;
    p = skip_blank(p + 1);
    object = key != NULL;
  }
  if (object && key) {
    key->p = p;
    key->end = p = skip_string(p);
    p = skip_blank(p);
    p = skip_blank(p + 1); /* the colon */
  }
  value->p = p;
  value->end = *at = skip_value(p);
  return true;
}

static unsigned hex4(const char *p) {
  unsigned n = 0;
  for (int i = 0; i < 4; i++) {
    char c = p[i];
    n = n * 16 + (unsigned)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
  }
  return n;
}

/* The bytes of a string literal. `each_byte`: its characters are bytes; one above 255 makes it NULL. */
static hearth__blob *string_of(slice s, bool each_byte) {
  hearth__blob *b = hearth__blob_new(NULL, (size_t)(s.end - s.p));
  if (!b) return NULL;
  unsigned char *q = (unsigned char *)b->bytes;
  for (const char *p = s.p + 1; p < s.end - 1;) {
    unsigned c = (unsigned char)*p++;
    bool escaped = c == '\\';
    if (escaped) {
      char e = *p++;
      c = e == 'n' ? '\n' : e == 't' ? '\t' : e == 'r' ? '\r' : e == 'b' ? '\b' : e == 'f' ? '\f' : (unsigned char)e;
      if (e == 'u') {
        c = hex4(p);
        p += 4;
        if (c >= 0xD800 && c < 0xDC00) {
          c = 0x10000 + ((c - 0xD800) << 10) + (hex4(p + 2) - 0xDC00);
          p += 6;
        }
      }
    }
    if (each_byte) {
      if (!escaped && c >= 0xC2 && c <= 0xC3) c = ((c & 3u) << 6) | ((unsigned char)*p++ & 0x3Fu); /* a person's é for \u00e9 */
      if (c > 0xFF) {
        hearth__blob_release(b);
        return NULL;
      }
      *q++ = (unsigned char)c;
    } else if (!escaped || c < 0x80) {
      *q++ = (unsigned char)c;
    } else if (c < 0x800) {
      *q++ = (unsigned char)(0xC0 | c >> 6);
      *q++ = (unsigned char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
      *q++ = (unsigned char)(0xE0 | c >> 12);
      *q++ = (unsigned char)(0x80 | (c >> 6 & 0x3F));
      *q++ = (unsigned char)(0x80 | (c & 0x3F));
    } else {
      *q++ = (unsigned char)(0xF0 | c >> 18);
      *q++ = (unsigned char)(0x80 | (c >> 12 & 0x3F));
      *q++ = (unsigned char)(0x80 | (c >> 6 & 0x3F));
      *q++ = (unsigned char)(0x80 | (c & 0x3F));
    }
  }
  return hearth__blob_shrink(b, (size_t)(q - (unsigned char *)b->bytes));
}

static bool key_is(slice key, const char *name) {
  size_t n = strlen(name);
  return (size_t)(key.end - key.p) == n + 2 && memcmp(key.p + 1, name, n) == 0;
}

static int64_t number_of(slice v) {
  return strtoll(v.p, NULL, 10);
}

/* The bytes that a value in `data` stands for. NULL: memory is short, or one of our forms is malformed (*why says so). */
static hearth__blob *value_of(slice v, uint8_t *kind, const char **why) {
  static const struct {
    const char *name;
    uint8_t kind;
    bool each_byte;
  } forms[] = {
      {"$text", HEARTH__TEXT, false}, {"$bytes", HEARTH__TEXT, true}, {"$json", HEARTH__JSON, false}, {"$json_bytes", HEARTH__JSON, true}};
  *kind = HEARTH__JSON;
  const char *at = v.p;
  slice key, inner;
  if (*at == '{' && next_member(&at, &key, &inner) && *skip_blank(at) == '}')
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
      if (key_is(key, forms[i].name)) {
        *kind = forms[i].kind;
        if (*inner.p != '"') {
          *why = "$text, $bytes, $json and $json_bytes stand before a string";
          return NULL;
        }
        hearth__blob *b = string_of(inner, forms[i].each_byte);
        if (!b && forms[i].each_byte) *why = "a character of $bytes is one byte, \\u0000 to \\u00ff";
        return b;
      }
  return hearth__blob_new(v.p, (size_t)(v.end - v.p));
}

typedef struct about {
  hearth__record record;
  bool known, was_damaged;
  uint64_t bytes_hash;
} about;

static about read_about(slice v) {
  about a = {.known = *v.p == '{'};
  slice key, value;
  for (const char *at = v.p; a.known && next_member(&at, &key, &value);) {
    if (key_is(key, "revision")) a.record.revision = number_of(value);
    if (key_is(key, "created_at")) a.record.created_at = number_of(value);
    if (key_is(key, "updated_at")) a.record.updated_at = number_of(value);
    if (key_is(key, "expires_at")) a.record.expires_at = number_of(value);
    if (key_is(key, "version")) a.record.version = number_of(value);
    if (key_is(key, "checksum") && *value.p == '"') a.record.checksum = strtoull(value.p + 1, NULL, 16);
    if (key_is(key, "damaged") && *value.p == '"') {
      a.was_damaged = true;
      a.bytes_hash = strtoull(value.p + 1, NULL, 16);
    }
  }
  a.known = a.known && a.record.revision > 0;
  return a;
}

typedef struct reading {
  hearth__memory *m;
  const char *path, *text;
  int64_t edited;
  bool changed; /* by hand */
  hearth__fault *f;
} reading;

static int bad_shape(reading *r, const char *at, const char *why) {
  int line = 1;
  for (const char *p = r->text; p < at; p++) line += *p == '\n';
  return hearth__fail(r->f, "ECORRUPT", "%s:%d: %s", r->path, line, why);
}

/* Each key of each namespace of a section. */
static int each_key(reading *r, slice all, int (*fn)(reading *r, const hearth__name *name, slice value)) {
  slice ns_key, ns_value, key, value;
  int status = 0;
  if (!all.p) return 0;
  if (*all.p != '{') return bad_shape(r, all.p, "expected an object of namespaces");
  for (const char *at = all.p; status == 0 && next_member(&at, &ns_key, &ns_value);) {
    if (*ns_value.p != '{') return bad_shape(r, ns_value.p, "a namespace is an object of keys");
    hearth__blob *ns = string_of(ns_key, false);
    if (!ns) return hearth__fail(r->f, "EIO", "out of memory");
    for (const char *inner = ns_value.p; status == 0 && next_member(&inner, &key, &value);) {
      hearth__blob *k = string_of(key, false);
      if (!k) {
        status = hearth__fail(r->f, "EIO", "out of memory");
        break;
      }
      hearth__name name = {.ns = ns->bytes, .ns_size = ns->size, .key = k->bytes, .key_size = k->size};
      status = name.key_size > HEARTH__KEY_MAX ? bad_shape(r, key.p, "a key has at most 65536 bytes") : fn(r, &name, value);
      hearth__blob_release(k);
    }
    hearth__blob_release(ns);
  }
  return status;
}

static int put(reading *r, const hearth__name *name, const hearth__record *record) {
  return hearth__memory_put(r->m, name, record) == 0 ? 0 : hearth__fail(r->f, "EIO", "out of memory");
}

/* First pass: what is known of a key, without its value. `size` SIZE_MAX marks it as not seen in `data` yet; `id` 1 that it was damaged. */
static int take_about(reading *r, const hearth__name *name, slice value) {
  about a = read_about(value);
  if (!a.known) return 0;
  a.record.state = HEARTH__PRESENT;
  a.record.size = SIZE_MAX;
  if (a.was_damaged) {
    a.record.id = 1;
    a.record.value = hearth__blob_new(&a.bytes_hash, sizeof a.bytes_hash);
    if (!a.record.value) return hearth__fail(r->f, "EIO", "out of memory");
  }
  int status = put(r, name, &a.record);
  hearth__blob_release(a.record.value);
  return status;
}

/* Second pass: the values. */
static int take_value(reading *r, const hearth__name *name, slice value) {
  const char *why = NULL;
  const hearth__record *known = hearth__memory_find(r->m, name);
  hearth__record record = {.created_at = r->edited};
  uint64_t damaged_hash = 0;
  bool was_damaged = false;
  if (known) {
    record = *known;
    was_damaged = known->id == 1 && known->size == SIZE_MAX; /* else the key is in `data` twice: the last one counts */
    if (was_damaged) memcpy(&damaged_hash, known->value->bytes, sizeof damaged_hash);
  }
  record.id = 1;
  record.state = HEARTH__PRESENT;
  record.value = value_of(value, &record.kind, &why);
  if (!record.value) return why ? bad_shape(r, value.p, why) : hearth__fail(r->f, "EIO", "out of memory");
  record.size = record.value->size;
  if (was_damaged && hearth__hash(0, record.value->bytes, record.size) == damaged_hash) {
    record.state = HEARTH__DAMAGED;
  } else if (!known || was_damaged || hearth__record_checksum(name, &record) != record.checksum) {
    r->changed = true;
    record.revision = r->m->commit + 1;
    record.updated_at = r->edited;
    record.checksum = hearth__record_checksum(name, &record);
  }
  int status = record.size > HEARTH__VALUE_MAX ? bad_shape(r, value.p, "a value has at most 64 MiB") : put(r, name, &record);
  hearth__blob_release(record.value);
  return status;
}

/* Third pass: keys of which nothing but `records` is left were removed by hand; damaged ones whose bytes are in quarantine stay. */
static int take_missing(reading *r, const hearth__name *name, slice value) {
  (void)value;
  const hearth__record *known = hearth__memory_find(r->m, name);
  if (!known || known->size != SIZE_MAX) return 0;
  uint64_t hash = 1;
  if (known->id == 1) memcpy(&hash, known->value->bytes, sizeof hash);
  hearth__record record = *known;
  record.value = NULL;
  record.size = 0;
  record.id = 1;
  record.state = hash == 0 ? HEARTH__DAMAGED : HEARTH__ABSENT;
  if (hash != 0) r->changed = true;
  return put(r, name, &record);
}

static int take_kept(reading *r, slice all) {
  slice one, key, value;
  if (!all.p) return 0;
  if (*all.p != '[') return bad_shape(r, all.p, "quarantine is a list");
  for (const char *at = all.p; next_member(&at, NULL, &one);) {
    hearth__record record = {.state = HEARTH__DAMAGED};
    hearth__blob *ns = NULL, *k = NULL;
    int64_t time = r->edited;
    if (*one.p != '{') return bad_shape(r, one.p, "an entry of the quarantine is an object");
    for (const char *inner = one.p; next_member(&inner, &key, &value);) {
      bool text = *value.p == '"';
      if (key_is(key, "namespace") && text && !ns) ns = string_of(value, false);
      if (key_is(key, "key") && text && !k) k = string_of(value, false);
      if (key_is(key, "bytes") && text && !record.value) record.value = string_of(value, true);
      if (key_is(key, "revision")) record.revision = number_of(value);
      if (key_is(key, "version")) record.version = number_of(value);
      if (key_is(key, "time")) time = number_of(value);
      if (key_is(key, "kind")) record.kind = number_of(value) == HEARTH__JSON ? HEARTH__JSON : HEARTH__TEXT;
    }
    int status = ns && k && record.value ? 0 : bad_shape(r, one.p, "an entry of the quarantine has namespace, key and bytes");
    if (status == 0) {
      hearth__name name = {.ns = ns->bytes, .ns_size = ns->size, .key = k->bytes, .key_size = k->size};
      if (hearth__memory_keep(r->m, &name, &record, time) != 0) status = hearth__fail(r->f, "EIO", "out of memory");
    }
    hearth__blob_release(ns);
    hearth__blob_release(k);
    hearth__blob_release(record.value);
    if (status != 0) return status;
  }
  return 0;
}

int hearth__jsontext_read(hearth__memory *m, const char *path, const char *text, size_t size, int64_t edited, hearth__fault *f) {
  reading r = {.m = m, .path = path, .text = text, .edited = edited, .f = f};
  slice key, value, data = {0}, records = {0}, quarantine = {0};
  int64_t format = 0;
  long bad = hearth__json_check(text, size);
  if (bad != -1) {
    if (bad < 0 || (size_t)bad > size) return hearth__fail(f, "EIO", "out of memory");
    return bad_shape(&r, text + bad, "not valid JSON; mend it, or move it away");
  }
  const char *start = skip_blank(text);
  if (*start != '{') return hearth__fail(f, "ECORRUPT", "%s: is not a store of Hearth", path);
  for (const char *at = start; next_member(&at, &key, &value);) {
    if (key_is(key, "data")) data = value;
    if (key_is(key, "records")) records = value;
    if (key_is(key, "quarantine")) quarantine = value;
    if (key_is(key, "hearth") && *value.p == '{') {
      slice k, v;
      for (const char *inner = value.p; next_member(&inner, &k, &v);) {
        if (key_is(k, "format")) format = number_of(v);
        if (key_is(k, "commit")) m->commit = number_of(v);
      }
    }
  }
  if (format == 0) return hearth__fail(f, "ECORRUPT", "%s: is not a store of Hearth", path);
  if (format > HEARTH__JSONTEXT_FORMAT)
    return hearth__fail(f, "ENEWER", "%s: was written by a newer Hearth (format %" PRId64 "); this one knows %d", path, format,
                        HEARTH__JSONTEXT_FORMAT);
  if (m->commit < 0) m->commit = 0;
  if (each_key(&r, records, take_about) != 0 || each_key(&r, data, take_value) != 0 || each_key(&r, records, take_missing) != 0 ||
      take_kept(&r, quarantine) != 0)
    return -1;
  if (r.changed) m->commit++;
  return 0;
}
