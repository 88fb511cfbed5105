/* Cells, and the difference of two pictures. Cells are compared as bytes: unused ones are zero. */
#include "term/cells.h"

#include <stdlib.h>
#include <string.h>

/* At most so many unchanged cells are sent again instead of moving the cursor over them. */
enum { NEAR = 5 };

static size_t decimal(char *out, unsigned n) {
  char digits[12];
  size_t size = 0;
  do digits[size++] = (char)('0' + n % 10);
  while ((n /= 10) > 0);
  for (size_t i = 0; i < size; i++) out[i] = digits[size - 1 - i];
  return size;
}

static size_t ansi_go(char *out, size_t room, int x, int y) {
  (void)room;
  size_t n = 2;
  memcpy(out, "\033[", 2);
  n += decimal(out + n, (unsigned)y + 1);
  out[n++] = ';';
  n += decimal(out + n, (unsigned)x + 1);
  out[n++] = 'H';
  return n;
}

static size_t ansi_colour(char *out, size_t room, bool background, unsigned index) {
  (void)room;
  memcpy(out, background ? "\033[48;5;" : "\033[38;5;", 7);
  size_t n = 7 + decimal(out + 7, index);
  out[n++] = 'm';
  return n;
}

const hearth__caps hearth__ansi = {
    .go = ansi_go,
    .colour = ansi_colour,
    .plain = "\033[m",
    .on = {"\033[1m", "\033[2m", "\033[3m", "\033[4m", "\033[9m", "\033[7m"},
    .show_cursor = "\033[?25h",
    .hide_cursor = "\033[?25l",
    .colours = 256,
};

static const hearth__cell blank = {.text = " ", .size = 1, .width = 1};

int hearth__cells_resize(hearth__cells *c, int width, int height) {
  size_t n = (size_t)width * (size_t)height;
  hearth__cell *back = malloc(2 * n * sizeof *back);
  if (!back) return -1;
  free(c->back);
  c->back = back;
  c->front = back + n;
  c->width = width;
  c->height = height;
  c->cursor_x = c->cursor_y = -1;
  hearth__cells_clear(c);
  hearth__cells_forget(c);
  return 0;
}

void hearth__cells_free(hearth__cells *c) {
  free(c->back);
  free(c->out);
  *c = (hearth__cells){0};
}

void hearth__cells_clear(hearth__cells *c) {
  for (int x = 0; x < c->width; x++) c->back[x] = blank;
  for (int y = 1; y < c->height; y++) memcpy(c->back + (size_t)y * (size_t)c->width, c->back, (size_t)c->width * sizeof *c->back);
  hearth__cells_clip(c, 0, 0, c->width, c->height);
}

void hearth__cells_clip(hearth__cells *c, int x0, int y0, int x1, int y1) {
  c->clip_x0 = x0 < 0 ? 0 : x0;
  c->clip_y0 = y0 < 0 ? 0 : y0;
  c->clip_x1 = x1 > c->width ? c->width : x1;
  c->clip_y1 = y1 > c->height ? c->height : y1;
}

static hearth__cell *line(const hearth__cells *c, int y) {
  return c->back + (size_t)y * (size_t)c->width;
}

/* Half of a wide character cannot stay when the other half goes. */
static void part(const hearth__cells *c, hearth__cell *row, int x) {
  if (row[x].width == 0 && x > 0) {
    memcpy(row[x - 1].text, blank.text, sizeof blank.text);
    row[x - 1].size = row[x - 1].width = 1;
  } else if (row[x].width == 2 && x + 1 < c->width) {
    memcpy(row[x + 1].text, blank.text, sizeof blank.text);
    row[x + 1].size = row[x + 1].width = 1;
  }
}

static void set(const hearth__cells *c, hearth__cell *row, int x, const char *text, size_t size, int width, uint32_t fg, uint32_t bg,
                unsigned attr) {
  hearth__cell *cell = row + x;
  if (cell->width != 1) part(c, row, x);
  memset(cell->text, 0, sizeof cell->text);
  memcpy(cell->text, text, size);
  cell->size = (uint8_t)size;
  cell->width = (uint8_t)width;
  cell->attr = (uint8_t)attr;
  cell->fg = fg;
  if (bg != HEARTH__KEEP) cell->bg = bg;
}

/* As much of a character as a cell holds, never half a code point. */
static size_t fitting(const char *text, size_t size) {
  size_t room = sizeof((hearth__cell *)0)->text;
  if (size <= room) return size;
  while (room > 0 && ((unsigned char)text[room] & 0xC0) == 0x80) room--;
  return room;
}

void hearth__cells_put(hearth__cells *c, int x, int y, const char *text, size_t size, int width, uint32_t fg, uint32_t bg, unsigned attr) {
  if (y < c->clip_y0 || y >= c->clip_y1 || width < 1) return;
  hearth__cell *row = line(c, y);
  if (width == 1) {
    if (x >= c->clip_x0 && x < c->clip_x1) set(c, row, x, text, fitting(text, size), 1, fg, bg, attr);
    return;
  }
  bool left = x >= c->clip_x0 && x < c->clip_x1, right = x + 1 >= c->clip_x0 && x + 1 < c->clip_x1;
  if (left && right) {
    set(c, row, x, text, fitting(text, size), 2, fg, bg, attr);
    row[x].width = 1; /* while the second half is put, so that it does not part them */
    set(c, row, x + 1, "", 0, 0, fg, row[x].bg, attr);
    row[x].width = 2;
  } else if (left) {
    set(c, row, x, " ", 1, 1, fg, bg, attr);
  } else if (right) {
    set(c, row, x + 1, " ", 1, 1, fg, bg, attr);
  }
}

void hearth__cells_ascii(hearth__cells *c, int x, int y, const char *text, size_t size, uint32_t fg, uint32_t bg, unsigned attr) {
  if (y < c->clip_y0 || y >= c->clip_y1) return;
  hearth__cell *row = line(c, y);
  long long last = (long long)x + (long long)size;
  int stop = last > c->clip_x1 ? c->clip_x1 : (int)last;
  for (int i = x < c->clip_x0 ? c->clip_x0 : x; i < stop; i++) set(c, row, i, text + (i - x), 1, 1, fg, bg, attr);
}

void hearth__cells_fill(hearth__cells *c, int x, int y, int w, int h, const char *text, size_t size, uint32_t fg, uint32_t bg,
                        unsigned attr) {
  int x0 = x < c->clip_x0 ? c->clip_x0 : x, y0 = y < c->clip_y0 ? c->clip_y0 : y;
  int x1 = x + w > c->clip_x1 ? c->clip_x1 : x + w, y1 = y + h > c->clip_y1 ? c->clip_y1 : y + h;
  size = fitting(text, size);
  for (; y0 < y1; y0++) {
    hearth__cell *row = line(c, y0);
    for (int i = x0; i < x1; i++) set(c, row, i, text, size, 1, fg, bg, attr);
  }
}

void hearth__cells_tint(hearth__cells *c, int x, int y, int w, int h, uint32_t bg, unsigned attr) {
  int x0 = x < c->clip_x0 ? c->clip_x0 : x, y0 = y < c->clip_y0 ? c->clip_y0 : y;
  int x1 = x + w > c->clip_x1 ? c->clip_x1 : x + w, y1 = y + h > c->clip_y1 ? c->clip_y1 : y + h;
  for (; y0 < y1; y0++) {
    hearth__cell *row = line(c, y0);
    for (int i = x0; i < x1; i++) {
      row[i].attr = (uint8_t)(row[i].attr ^ attr);
      if (bg != HEARTH__KEEP) row[i].bg = bg;
    }
  }
}

void hearth__cells_forget(hearth__cells *c) {
  memset(c->front, 0xFF, (size_t)c->width * (size_t)c->height * sizeof *c->front);
  c->at_x = c->at_y = -1;
  c->pen_known = c->cursor_known = false;
}

/* ---- what is sent */

void hearth__cells_append(hearth__cells *c, const char *text, size_t size) {
  if (c->room - c->size < size) {
    size_t room = c->room ? c->room * 2 : 4096;
    while (room - c->size < size) room *= 2;
    char *out = realloc(c->out, room);
    if (!out) {
      c->starved = true;
      return;
    }
    c->out = out;
    c->room = room;
  }
  memcpy(c->out + c->size, text, size);
  c->size += size;
}

static void say(hearth__cells *c, const char *text) {
  if (text) hearth__cells_append(c, text, strlen(text));
}

static void go(hearth__cells *c, const hearth__caps *caps, int x, int y) {
  char out[48];
  hearth__cells_append(c, out, caps->go(out, sizeof out, x, y));
  c->at_x = x;
  c->at_y = y;
}

static unsigned distance(unsigned a, unsigned b) {
  int r = (int)(a >> 16 & 255) - (int)(b >> 16 & 255), g = (int)(a >> 8 & 255) - (int)(b >> 8 & 255), u = (int)(a & 255) - (int)(b & 255);
  return (unsigned)(2 * r * r + 4 * g * g + 3 * u * u);
}

static const unsigned char levels[6] = {0, 95, 135, 175, 215, 255};

/* 0xRRGGBB of a colour of the palette, as xterm has it. */
static unsigned rgb_of(unsigned index) {
  static const unsigned first[16] = {0x000000, 0xCD0000, 0x00CD00, 0xCDCD00, 0x0000EE, 0xCD00CD, 0x00CDCD, 0xE5E5E5,
                                     0x7F7F7F, 0xFF0000, 0x00FF00, 0xFFFF00, 0x5C5CFF, 0xFF00FF, 0x00FFFF, 0xFFFFFF};
  if (index < 16) return first[index];
  if (index >= 232) return (8 + (index - 232) * 10) * 0x010101u;
  index -= 16;
  return (unsigned)levels[index / 36] << 16 | (unsigned)levels[index / 6 % 6] << 8 | levels[index % 6];
}

static unsigned nearest(unsigned rgb, unsigned from, unsigned to) {
  unsigned best = from, best_distance = distance(rgb, rgb_of(from));
  for (unsigned i = from + 1; i < to; i++) {
    unsigned d = distance(rgb, rgb_of(i));
    if (d < best_distance) best = i, best_distance = d;
  }
  return best;
}

static void set_colour(hearth__cells *c, const hearth__caps *caps, bool background, uint32_t colour) {
  unsigned index = colour & 0xFFFFFF;
  char out[48];
  if (colour >= HEARTH__RGB) {
    if (caps->colours > 256) {
      memcpy(out, background ? "\033[48;2" : "\033[38;2", 6);
      size_t n = 6;
      for (int shift = 16; shift >= 0; shift -= 8) {
        out[n++] = ';';
        n += decimal(out + n, index >> shift & 255);
      }
      out[n++] = 'm';
      hearth__cells_append(c, out, n);
      return;
    }
    index = caps->colours == 256 ? nearest(index, 16, 256) : nearest(index, 0, caps->colours >= 16 ? 16 : 8);
  } else if (caps->colours < 256 && index >= 16) {
    index = nearest(rgb_of(index), 0, caps->colours >= 16 ? 16 : 8);
  } else if (caps->colours < 16 && index >= 8) {
    index -= 8;
  }
  hearth__cells_append(c, out, caps->colour(out, sizeof out, background, index));
}

static void take_pen(hearth__cells *c, const hearth__caps *caps, const hearth__cell *cell) {
  uint32_t fg = caps->colours > 0 ? cell->fg : 0, bg = caps->colours > 0 ? cell->bg : 0;
  if (c->pen_known && c->attr == cell->attr && c->fg == fg && c->bg == bg) return;
  if (!c->pen_known || (c->attr & ~cell->attr) || (c->fg && !fg) || (c->bg && !bg)) {
    say(c, caps->plain);
    c->attr = 0;
    c->fg = c->bg = 0;
  }
  for (int i = 0; i < 6; i++) {
    if (cell->attr & ~c->attr & 1 << i) say(c, caps->on[i]);
  }
  if (fg != c->fg) set_colour(c, caps, false, fg);
  if (bg != c->bg) set_colour(c, caps, true, bg);
  c->attr = cell->attr;
  c->fg = fg;
  c->bg = bg;
  c->pen_known = true;
}

static bool same_pen(const hearth__cells *c, const hearth__cell *cell) {
  return c->pen_known && c->attr == cell->attr && c->fg == cell->fg && c->bg == cell->bg;
}

/* Will every terminal move its cursor by one for it? */
static bool is_plain(const hearth__cell *cell) {
  unsigned char b = (unsigned char)cell->text[0];
  if (cell->width != 1) return false;
  if (cell->size == 1) return true;
  return (cell->size == 2 && b < 0xCC) ||                                                                                /* Latin */
         (cell->size == 3 && b == 0xE2 && (unsigned char)cell->text[1] >= 0x94 && (unsigned char)cell->text[1] <= 0x96); /* lines, blocks */
}

static void send_cell(hearth__cells *c, const hearth__caps *caps, const hearth__cell *cell) {
  take_pen(c, caps, cell);
  hearth__cells_append(c, cell->text, cell->size);
  c->at_x = is_plain(cell) && c->at_x + 1 < c->width ? c->at_x + 1 : -1;
}

static void move_to(hearth__cells *c, const hearth__caps *caps, const hearth__cell *row, int x, int y) {
  if (c->at_y == y && c->at_x >= 0 && c->at_x <= x && x - c->at_x <= NEAR) {
    bool cheap = true;
    for (int i = c->at_x; i < x && cheap; i++) cheap = row[i].size == 1 && row[i].width == 1 && same_pen(c, row + i);
    if (cheap) {
      for (int i = c->at_x; i < x; i++) hearth__cells_append(c, row[i].text, 1);
      c->at_x = x;
      return;
    }
  }
  go(c, caps, x, y);
}

void hearth__cells_diff(hearth__cells *c, const hearth__caps *caps) {
  size_t bytes = (size_t)c->width * sizeof *c->back;
  for (int y = 0; y < c->height; y++) {
    hearth__cell *back = line(c, y), *front = c->front + (size_t)y * (size_t)c->width;
    if (memcmp(back, front, bytes) == 0) continue;
    for (int x = 0; x < c->width; x++) {
      if (memcmp(back + x, front + x, sizeof *back) == 0 && !(back[x].width == 2 && memcmp(back + x + 1, front + x + 1, sizeof *back) != 0))
        continue;
      if (back[x].width == 0) continue; /* sent with its other half */
      move_to(c, caps, back, x, y);
      send_cell(c, caps, back + x);
    }
    memcpy(front, back, bytes);
  }
  bool show = c->cursor_x >= 0;
  if (show && (c->at_x != c->cursor_x || c->at_y != c->cursor_y)) go(c, caps, c->cursor_x, c->cursor_y);
  if (!c->cursor_known || show != c->cursor_shown) say(c, show ? caps->show_cursor : caps->hide_cursor);
  c->cursor_known = true;
  c->cursor_shown = show;
}
