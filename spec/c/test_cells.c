/* The difference of two pictures, against a small terminal: whatever was drawn, a terminal that obeys what is sent shows the picture. */
#include "check.h"
#include "term/cells.h"

enum { WIDTH = 23, HEIGHT = 9, CELLS = WIDTH * HEIGHT };

/* ---- a terminal that understands what hearth__ansi sends; it does not wrap at its edge */

typedef struct place {
  char text[16];
  uint32_t fg, bg;
  unsigned attr;
} place;

static struct {
  place at[CELLS];
  int x, y;
  uint32_t fg, bg;
  unsigned attr;
  bool cursor, confused;
} screen;

static void screen_reset(void) {
  memset(&screen, 0, sizeof screen);
  screen.cursor = true;
  for (int i = 0; i < CELLS; i++) strcpy(screen.at[i].text, "?");
}

static const char *obey(const char *s) {
  int n[8] = {0}, count = 0;
  bool own = *s == '?';
  if (own) s++;
  for (; (*s >= '0' && *s <= '9') || *s == ';'; s++) {
    if (*s == ';')
      count = count < 7 ? count + 1 : 7;
    else
      n[count] = n[count] * 10 + *s - '0';
  }
  static const int codes[] = {1, 2, 3, 4, 9, 7};
  if (*s == 'H') {
    screen.y = n[0] - 1;
    screen.x = n[1] - 1;
  } else if (own && (*s == 'h' || *s == 'l') && n[0] == 25) {
    screen.cursor = *s == 'h';
  } else if (*s == 'm' && n[0] == 0) {
    screen.attr = 0;
    screen.fg = screen.bg = 0;
  } else if (*s == 'm' && (n[0] == 38 || n[0] == 48) && n[1] == 5) {
    *(n[0] == 38 ? &screen.fg : &screen.bg) = HEARTH__INDEXED | (uint32_t)n[2];
  } else if (*s == 'm') {
    bool known = false;
    for (int i = 0; i < 6; i++) {
      if (codes[i] == n[0]) screen.attr |= 1u << i, known = true;
    }
    if (!known) screen.confused = true;
  } else {
    screen.confused = true;
  }
  return s + 1;
}

static void show(int x, const char *text, size_t size) {
  if (x >= WIDTH || screen.y >= HEIGHT) {
    screen.confused = true;
    return;
  }
  place *p = &screen.at[screen.y * WIDTH + x];
  memset(p->text, 0, sizeof p->text);
  memcpy(p->text, text, size);
  p->fg = screen.fg;
  p->bg = screen.bg;
  p->attr = screen.attr;
}

static void print(const char *text, size_t size) {
  const char *end = text + size;
  while (text < end) {
    unsigned char b = (unsigned char)*text;
    if (b == '\033') {
      text = obey(text + 2);
      continue;
    }
    size_t n = b < 0x80 ? 1 : b < 0xE0 ? 2 : b < 0xF0 ? 3 : 4;
    if (b == 0xCC) { /* a mark: on what stands before the cursor */
      int x = screen.x > 0 ? screen.x - 1 : 0;
      strncat(screen.at[screen.y * WIDTH + x].text, text, n);
    } else {
      bool wide = b == 0xE7;
      show(screen.x, text, n);
      if (wide) show(screen.x + 1, "", 0);
      screen.x += wide ? 2 : 1;
    }
    text += n;
  }
}

static void update(hearth__cells *c) {
  hearth__cells_diff(c, &hearth__ansi);
  print(c->out, c->size);
  c->size = 0;
}

static bool shows(const hearth__cells *c) {
  if (screen.confused) return false;
  for (int i = 0; i < CELLS; i++) {
    const hearth__cell *cell = &c->back[i];
    const place *p = &screen.at[i];
    if (strlen(p->text) != cell->size || memcmp(p->text, cell->text, cell->size) != 0) return false;
    if (cell->width == 0) continue; /* a terminal paints both halves with the pen of the first */
    if (p->fg != cell->fg || p->bg != cell->bg || p->attr != cell->attr) return false;
  }
  if (screen.cursor != (c->cursor_x >= 0)) return false;
  return c->cursor_x < 0 || (screen.x == c->cursor_x && screen.y == c->cursor_y);
}

/* ---- random pictures */

static unsigned state = 1;

static unsigned below(unsigned n) {
  state = state * 1664525u + 1013904223u;
  return (state >> 8) % n;
}

static const struct {
  const char *text;
  int width;
} letters[] = {{"a", 1}, {"z", 1}, {" ", 1}, {"\xC3\xA9", 1}, {"\xE7\x95\x8C", 2}, {"e\xCC\x81", 1}, {"\xE2\x94\x80", 1}};

static void draw(hearth__cells *c) {
  static const uint32_t colours[] = {0, HEARTH__INDEXED | 1, HEARTH__INDEXED | 200};
  unsigned letter = below(7), attr = below(4) ? 0 : below(64);
  int x = (int)below(WIDTH + 4) - 2, y = (int)below(HEIGHT + 2) - 1, w = 1 + (int)below(WIDTH), h = 1 + (int)below(3);
  uint32_t fg = colours[below(3)], bg = below(2) ? HEARTH__KEEP : colours[below(3)];
  switch (below(8)) {
    case 0: hearth__cells_clear(c); break;
    case 1: hearth__cells_clip(c, (int)below(8), (int)below(4), (int)below(WIDTH + 3), (int)below(HEIGHT + 3)); break;
    case 2:
      hearth__cells_fill(c, x, y, w, h, letter == 4 ? "." : letters[letter].text, letter == 4 ? 1 : strlen(letters[letter].text), fg, bg,
                         attr);
      break;
    case 3: hearth__cells_ascii(c, x, y, "some plain words", below(17), fg, bg, attr); break;
    case 4: hearth__cells_tint(c, x, y, w, h, bg, attr); break;
    case 5:
      c->cursor_x = below(2) ? -1 : (int)below(WIDTH);
      c->cursor_y = (int)below(HEIGHT);
      break;
    default: hearth__cells_put(c, x, y, letters[letter].text, strlen(letters[letter].text), letters[letter].width, fg, bg, attr);
  }
}

static void a_terminal_shows_what_was_drawn(void) {
  hearth__cells c = {0};
  CHECK(hearth__cells_resize(&c, WIDTH, HEIGHT) == 0);
  screen_reset();
  int wrong = 0;
  for (int round = 0; round < 20000; round++) {
    for (unsigned n = below(12); n > 0; n--) draw(&c);
    if (below(200) == 0) {
      hearth__cells_forget(&c);
      screen_reset();
    }
    update(&c);
    if (!shows(&c)) wrong++;
    if (wrong == 1 && !shows(&c)) fprintf(stderr, "round %d: the terminal shows something else\n", round);
  }
  CHECK(wrong == 0);
  hearth__cells_free(&c);
}

static void what_stays_is_not_sent_again(void) {
  hearth__cells c = {0};
  CHECK(hearth__cells_resize(&c, WIDTH, HEIGHT) == 0);
  screen_reset();
  update(&c);
  hearth__cells_clear(&c);
  hearth__cells_ascii(&c, 3, 4, "hello", 5, 0, HEARTH__KEEP, 0);
  hearth__cells_diff(&c, &hearth__ansi);
  CHECK(c.size <= 11); /* there, and five letters */
  c.size = 0;
  hearth__cells_clear(&c);
  hearth__cells_ascii(&c, 3, 4, "hello", 5, 0, HEARTH__KEEP, 0);
  hearth__cells_diff(&c, &hearth__ansi);
  CHECK(c.size == 0);
  hearth__cells_free(&c);
}

static void a_wide_character_is_never_seen_half(void) {
  hearth__cells c = {0};
  CHECK(hearth__cells_resize(&c, WIDTH, HEIGHT) == 0);
  hearth__cells_put(&c, WIDTH - 1, 0, "\xE7\x95\x8C", 3, 2, 0, HEARTH__KEEP, 0);
  CHECK(c.back[WIDTH - 1].text[0] == ' ');
  hearth__cells_put(&c, -1, 1, "\xE7\x95\x8C", 3, 2, 0, HEARTH__KEEP, 0);
  CHECK(c.back[WIDTH].text[0] == ' ');
  hearth__cells_put(&c, 4, 2, "\xE7\x95\x8C", 3, 2, 0, HEARTH__KEEP, 0);
  hearth__cells_put(&c, 5, 2, "x", 1, 1, 0, HEARTH__KEEP, 0);
  CHECK(c.back[2 * WIDTH + 4].text[0] == ' ' && c.back[2 * WIDTH + 4].width == 1);
  hearth__cells_put(&c, 4, 2, "\xE7\x95\x8C", 3, 2, 0, HEARTH__KEEP, 0);
  hearth__cells_put(&c, 4, 2, "x", 1, 1, 0, HEARTH__KEEP, 0);
  CHECK(c.back[2 * WIDTH + 5].text[0] == ' ' && c.back[2 * WIDTH + 5].width == 1);
  hearth__cells_free(&c);
}

static void more_marks_than_fit_are_cut_between_characters(void) {
  hearth__cells c = {0};
  CHECK(hearth__cells_resize(&c, WIDTH, HEIGHT) == 0);
  hearth__cells_put(&c, 0, 0, "e\xCC\x81\xCC\x81\xCC\x81\xCC\x81\xCC\x81\xCC\x81\xCC\x81\xCC\x81", 17, 1, 0, HEARTH__KEEP, 0);
  CHECK(c.back[0].size == 13);
  hearth__cells_put(&c, 0, 0, "\xE7\x95\x8C\xCC\x81\xCC\x81\xCC\x81\xCC\x81\xCC\x81\xCC\x81", 15, 2, 0, HEARTH__KEEP, 0);
  CHECK(c.back[0].size == 13);
  hearth__cells_put(&c, 0, 0, "ee\xCC\x81\xCC\x81\xCC\x81\xCC\x81\xCC\x81\xCC\x81", 14, 1, 0, HEARTH__KEEP, 0);
  CHECK(c.back[0].size == 12);
  hearth__cells_free(&c);
}

/* Colours come down to what a terminal has. */
static void fewer_colours_are_the_nearest(void) {
  static const struct {
    int colours;
    uint32_t colour;
    const char *sent;
  } cases[] = {{1 << 24, HEARTH__RGB | 0xFF0102, "\033[38;2;255;1;2m"},
               {256, HEARTH__RGB | 0xFF0000, "\033[38;5;196m"},
               {16, HEARTH__RGB | 0xFE0000, "\033[38;5;9m"},
               {8, HEARTH__RGB | 0xC00000, "\033[38;5;1m"},
               {8, HEARTH__INDEXED | 9, "\033[38;5;1m"},
               {16, HEARTH__INDEXED | 232, "\033[38;5;0m"},
               {0, HEARTH__RGB | 0xFF0000, NULL}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    hearth__cells c = {0};
    hearth__caps caps = hearth__ansi;
    caps.colours = cases[i].colours;
    CHECK(hearth__cells_resize(&c, 2, 1) == 0);
    hearth__cells_put(&c, 0, 0, "x", 1, 1, cases[i].colour, HEARTH__KEEP, 0);
    hearth__cells_diff(&c, &caps);
    hearth__cells_append(&c, "", 1);
    CHECK(cases[i].sent ? strstr(c.out, cases[i].sent) != NULL : strstr(c.out, "[38") == NULL);
    hearth__cells_free(&c);
  }
}

int main(void) {
  RUN(a_terminal_shows_what_was_drawn);
  RUN(what_stays_is_not_sent_again);
  RUN(a_wide_character_is_never_seen_half);
  RUN(more_marks_than_fit_are_cut_between_characters);
  RUN(fewer_colours_are_the_nearest);
  return check_end();
}
