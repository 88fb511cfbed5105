/* A picture made of character cells, and the shortest text that turns one picture into another. Knows no terminal: what a terminal can do is in
** hearth__caps, and what is to be sent ends in a buffer. One thread. */
#ifndef HEARTH__CELLS_H
#define HEARTH__CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A colour: 0 is the terminal's own, else one of these with the index or 0xRRGGBB in the lower 24 bits. */
enum { HEARTH__INDEXED = 1 << 24, HEARTH__RGB = 2 << 24 };

enum { HEARTH__BOLD = 1, HEARTH__DIM = 2, HEARTH__ITALIC = 4, HEARTH__UNDERLINE = 8, HEARTH__STRIKE = 16, HEARTH__INVERSE = 32 };

/* One column of one line. A wide character has width 2 and is followed by a cell of width 0. */
typedef struct hearth__cell {
  char text[13]; /* UTF-8 with combining marks, as many as fit; zeros after it */
  uint8_t size, width, attr;
  uint32_t fg, bg;
} hearth__cell;

/* How a terminal is told. `go` writes the sequence that moves the cursor into out (at most 32 bytes) and returns its length; `colour` likewise. */
typedef struct hearth__caps {
  size_t (*go)(char *out, size_t room, int x, int y);
  size_t (*colour)(char *out, size_t room, bool background, unsigned index);
  const char *plain; /* no attributes, own colours */
  const char *on[6]; /* bold, dim, italic, underline, strike, inverse; NULL where the terminal cannot */
  const char *show_cursor, *hide_cursor;
  int colours; /* 0, 8, 16, 256, or 1 << 24 */
} hearth__caps;

/* What nearly every terminal understands, in 256 colours: for a picture without a terminal. */
extern const hearth__caps hearth__ansi;

typedef struct hearth__cells {
  int width, height;
  hearth__cell *back, *front; /* what shall be, and what the terminal shows */
  int clip_x0, clip_y0, clip_x1, clip_y1;
  int cursor_x, cursor_y; /* -1: hidden */
  /* what the terminal has: */
  int at_x, at_y; /* -1: not known */
  uint8_t attr;
  uint32_t fg, bg;
  bool pen_known, cursor_shown, cursor_known;
  char *out;
  size_t size, room;
  bool starved; /* memory ran out: what was to be sent is not whole */
} hearth__cells;

/* 0, or -1 when memory is short (then the picture is as it was). The new picture is empty, and nothing is known of the terminal. */
int hearth__cells_resize(hearth__cells *c, int width, int height);
void hearth__cells_free(hearth__cells *c);

void hearth__cells_clear(hearth__cells *c);
/* What is drawn from now on is seen inside x0 <= x < x1, y0 <= y < y1 only. */
void hearth__cells_clip(hearth__cells *c, int x0, int y0, int x1, int y1);

/* Colour of what is drawn where no other is asked for: what lies there keeps its background. */
#define HEARTH__KEEP UINT32_MAX

void hearth__cells_put(hearth__cells *c, int x, int y, const char *text, size_t size, int width, uint32_t fg, uint32_t bg, unsigned attr);
/* Printable ASCII, a cell each. */
void hearth__cells_ascii(hearth__cells *c, int x, int y, const char *text, size_t size, uint32_t fg, uint32_t bg, unsigned attr);
void hearth__cells_fill(hearth__cells *c, int x, int y, int w, int h, const char *text, size_t size, uint32_t fg, uint32_t bg,
                        unsigned attr);
/* Attributes that are turned round, and a background if it is not HEARTH__KEEP, for what is there already. */
void hearth__cells_tint(hearth__cells *c, int x, int y, int w, int h, uint32_t bg, unsigned attr);

/* The terminal shows nothing that we know. */
void hearth__cells_forget(hearth__cells *c);
/* Appends to out what the terminal needs to show the picture. */
void hearth__cells_diff(hearth__cells *c, const hearth__caps *caps);
void hearth__cells_append(hearth__cells *c, const char *text, size_t size);

#endif
