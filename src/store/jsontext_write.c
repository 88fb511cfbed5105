/* The text of a JSON file store is written: see jsontext.h for its shape. */
#include "store/jsontext.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/json.h"

typedef struct out {
  char *bytes;
  size_t size, room;
  bool failed;
} out;

static void add(out *o, const char *bytes, size_t size) {
  if (o->failed) return;
  if (o->room - o->size < size) {
    size_t room = (o->room + size) * 2 + 256;
    char *grown = realloc(o->bytes, room);
    if (!grown) {
      o->failed = true;
      return;
    }
    o->bytes = grown;
    o->room = room;
  }
  memcpy(o->bytes + o->size, bytes, size);
  o->size += size;
}

static void say(out *o, const char *text) {
  add(o, text, strlen(text));
}

static void add_number(out *o, const char *name, int64_t n) {
  char text[96];
  snprintf(text, sizeof text, "%s%" PRId64, name, n);
  say(o, text);
}

/* `each_byte`: a character for every byte, whatever the bytes mean. */
static void add_string(out *o, const char *bytes, size_t size, bool each_byte) {
  say(o, "\"");
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)bytes[i];
    char text[8];
    if (c == '"' || c == '\\') {
      text[0] = '\\';
      text[1] = (char)c;
      add(o, text, 2);
    } else if (c == '\n') {
      say(o, "\\n");
    } else if (c == '\t') {
      say(o, "\\t");
    } else if (c < 0x20 || c == 0x7f || (each_byte && c >= 0x80)) {
      snprintf(text, sizeof text, "\\u%04x", c);
      say(o, text);
    } else {
      add(o, bytes + i, 1);
    }
  }
  say(o, "\"");
}

static bool is_utf8(const char *bytes, size_t size) {
  const unsigned char *p = (const unsigned char *)bytes, *end = p + size;
  while (p < end) {
    unsigned char c = *p++;
    if (c < 0x80) continue;
    int more = c >= 0xC2 && c <= 0xDF ? 1 : c >= 0xE0 && c <= 0xEF ? 2 : c >= 0xF0 && c <= 0xF4 ? 3 : 0;
    if (more == 0 || end - p < more) return false;
    if ((c == 0xE0 && *p < 0xA0) || (c == 0xED && *p > 0x9F) || (c == 0xF0 && *p < 0x90) || (c == 0xF4 && *p > 0x8F)) return false;
    for (; more > 0; more--)
      if ((*p++ & 0xC0) != 0x80) return false;
  }
  return true;
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Can the text stand in the file as it is, and be told from our own forms when it is read? */
static bool stands_as_it_is(const hearth__blob *b) {
  const char *p = b->bytes, *end = p + b->size;
  if (b->size == 0 || is_blank(p[0]) || is_blank(end[-1]) || hearth__json_check(p, b->size) != -1) return false;
  if (*p++ != '{') return true;
  while (p < end && is_blank(*p)) p++;
  return end - p < 2 || p[0] != '"' || (p[1] != '$' && p[1] != '\\');
}

static void add_value(out *o, uint8_t kind, const hearth__blob *value) {
  if (kind == HEARTH__JSON && stands_as_it_is(value)) {
    add(o, value->bytes, value->size);
    return;
  }
  bool text = is_utf8(value->bytes, value->size);
  say(o, kind == HEARTH__JSON ? (text ? "{\"$json\": " : "{\"$json_bytes\": ") : (text ? "{\"$text\": " : "{\"$bytes\": "));
  add_string(o, value->bytes, value->size, !text);
  say(o, "}");
}

typedef struct section {
  out *o;
  bool about; /* the records in place of their values */
  bool any_ns, any_key;
  char *ns;
  size_t ns_size;
} section;

static int write_record(void *arg, const hearth__name *name, const hearth__record *r) {
  section *s = arg;
  out *o = s->o;
  if (!s->about && !r->value) return 0; /* damaged, its bytes in quarantine */
  if (!s->any_ns || s->ns_size != name->ns_size || memcmp(s->ns, name->ns, name->ns_size) != 0) {
    char *ns = realloc(s->ns, name->ns_size + 1);
    if (!ns) {
      o->failed = true;
      return 1;
    }
    memcpy(ns, name->ns, name->ns_size);
    s->ns = ns;
    s->ns_size = name->ns_size;
    say(o, s->any_ns ? "\n    },\n    " : "\n    ");
    add_string(o, name->ns, name->ns_size, false);
    say(o, ": {");
    s->any_ns = true;
    s->any_key = false;
  }
  say(o, s->any_key ? ",\n      " : "\n      ");
  s->any_key = true;
  add_string(o, name->key, name->key_size, false);
  say(o, ": ");
  if (!s->about) {
    add_value(o, r->kind, r->value);
    return o->failed;
  }
  char sum[48];
  add_number(o, "{\"revision\": ", r->revision);
  add_number(o, ", \"created_at\": ", r->created_at);
  add_number(o, ", \"updated_at\": ", r->updated_at);
  if (r->expires_at) add_number(o, ", \"expires_at\": ", r->expires_at);
  if (r->version) add_number(o, ", \"version\": ", r->version);
  snprintf(sum, sizeof sum, ", \"checksum\": \"%016" PRIx64 "\"", r->checksum);
  say(o, sum);
  if (r->state == HEARTH__DAMAGED) { /* a hash of the bytes as they are, so that a mend by hand is told from them */
    snprintf(sum, sizeof sum, ", \"damaged\": \"%016" PRIx64 "\"", r->value ? hearth__hash(0, r->value->bytes, r->value->size) : 0);
    say(o, sum);
  }
  say(o, "}");
  return o->failed;
}

static void write_section(out *o, hearth__memory *m, const char *name, bool about) {
  section s = {.o = o, .about = about};
  hearth__fault f;
  say(o, ",\n  \"");
  say(o, name);
  say(o, "\": {");
  hearth__memory_each(&m->engine, NULL, NULL, 0, true, write_record, &s, &f);
  say(o, s.any_ns ? "\n    }\n  }" : "}");
  free(s.ns);
}

char *hearth__jsontext_write(hearth__memory *m, size_t *size) {
  out o = {0};
  add_number(&o, "{\n  \"hearth\": {\"format\": ", HEARTH__JSONTEXT_FORMAT);
  add_number(&o, ", \"commit\": ", m->commit);
  say(&o, "}");
  write_section(&o, m, "data", false);
  write_section(&o, m, "records", true);
  say(&o, ",\n  \"quarantine\": [");
  for (size_t i = 0; i < m->n_kept; i++) {
    const hearth__kept *k = &m->kept[i];
    say(&o, i ? ",\n    {\"namespace\": " : "\n    {\"namespace\": ");
    add_string(&o, k->ns->bytes, k->ns->size, false);
    say(&o, ", \"key\": ");
    add_string(&o, k->key->bytes, k->key->size, false);
    add_number(&o, ", \"revision\": ", k->revision);
    add_number(&o, ", \"version\": ", k->version);
    add_number(&o, ", \"time\": ", k->time);
    add_number(&o, ", \"kind\": ", k->kind);
    say(&o, ", \"bytes\": ");
    add_string(&o, k->value->bytes, k->value->size, true);
    say(&o, "}");
  }
  say(&o, m->n_kept ? "\n  ]\n}\n" : "]\n}\n");
  if (o.failed) {
    free(o.bytes);
    return NULL;
  }
  *size = o.size;
  return o.bytes;
}
