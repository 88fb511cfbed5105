/* Pictures for a text screen: a file's pixels, made small. PNG by libpng, JPEG by libjpeg-turbo, binary PPM here. Any thread. */
#ifndef HEARTH__PICTURE_H
#define HEARTH__PICTURE_H

#include <stddef.h>

/* The longest side of what is kept: no terminal shows more. */
#define HEARTH__PICTURE_SIDE 512

typedef struct hearth__picture {
  size_t width, height;
  unsigned char *pixels; /* red, green, blue, row by row; NULL: none */
} hearth__picture;

/* Reads the picture in the file at `path`. What is transparent shows `background` (red, green, blue). Returns NULL, or what is wrong (a constant); then
** `picture` is empty. The caller owns the pixels, also after a failure: hearth__picture_free. */
const char *hearth__picture_read(const char *path, const unsigned char background[3], hearth__picture *picture);

/* The picture in `width` × `height` pixels, each the mean of what it covers (at least one pixel). `to` has room for width * height * 3 bytes. */
void hearth__picture_scale(const hearth__picture *picture, size_t width, size_t height, unsigned char *to);

void hearth__picture_free(hearth__picture *picture);

#endif
