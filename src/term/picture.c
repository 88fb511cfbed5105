#include "term/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <png.h>
#include <turbojpeg.h>

/* Larger ones are refused: a few bytes can claim to be any number of pixels. */
#define LARGEST_FILE    ((size_t)64 << 20)
#define LARGEST_PICTURE ((size_t)48 << 20)

static const char no_memory[] = "not enough memory";
static const char too_large[] = "it is too large";
static const char damaged[] = "it is damaged";

static const char *allocate(hearth__picture *p, size_t width, size_t height) {
  if (width == 0 || height == 0) return damaged;
  if (width > LARGEST_PICTURE / height) return too_large;
  p->pixels = malloc(width * height * 3);
  if (!p->pixels) return no_memory;
  p->width = width;
  p->height = height;
  return NULL;
}

static const char *read_png(const unsigned char *bytes, size_t size, const unsigned char background[3], hearth__picture *p) {
  png_image image = {.version = PNG_IMAGE_VERSION};
  const png_color behind = {background[0], background[1], background[2]};
  const char *problem = damaged;
  if (!png_image_begin_read_from_memory(&image, bytes, size)) goto out;
  problem = allocate(p, image.width, image.height);
  if (problem) goto out;
  image.format = PNG_FORMAT_RGB;
  if (!png_image_finish_read(&image, &behind, p->pixels, 0, NULL)) problem = damaged;
out:
  png_image_free(&image);
  return problem;
}

static const char *read_jpeg(const unsigned char *bytes, size_t size, hearth__picture *p) {
  int width, height, sampling, colours;
  const char *problem = damaged;
  tjhandle decoder = tjInitDecompress();
  if (!decoder) return no_memory;
  if (tjDecompressHeader3(decoder, bytes, (unsigned long)size, &width, &height, &sampling, &colours)) goto out;
  /* The decoder makes large ones smaller by itself, which costs less than to make all the pixels. */
  tjscalingfactor scale = {1, 1};
  while (scale.denom < 8 && (width > height ? width : height) / (scale.denom * 2) >= HEARTH__PICTURE_SIDE) scale.denom *= 2;
  width = TJSCALED(width, scale);
  height = TJSCALED(height, scale);
  problem = allocate(p, (size_t)width, (size_t)height);
  if (problem) goto out;
  /* A picture that is cut off is shown as far as it goes. */
  if (tjDecompress2(decoder, bytes, (unsigned long)size, p->pixels, width, 0, height, TJPF_RGB, 0) &&
      tjGetErrorCode(decoder) != TJERR_WARNING)
    problem = damaged;
out:
  tjDestroy(decoder);
  return problem;
}

/* The next number of a PPM's head, after white space and comments; 0: there is none. */
static size_t ppm_number(const unsigned char *bytes, size_t size, size_t *at) {
  size_t n = 0, i = *at;
  while (i < size && (strchr(" \t\r\n", bytes[i]) ? bytes[i] != 0 : bytes[i] == '#')) {
    if (bytes[i] == '#')
      while (i < size && bytes[i] != '\n') i++;
    else
      i++;
  }
  for (; i < size && bytes[i] >= '0' && bytes[i] <= '9' && n < LARGEST_PICTURE; i++) n = n * 10 + (size_t)(bytes[i] - '0');
  *at = i;
  return n;
}

static const char *read_ppm(const unsigned char *bytes, size_t size, hearth__picture *p) {
  size_t at = 2;
  size_t width = ppm_number(bytes, size, &at), height = ppm_number(bytes, size, &at), most = ppm_number(bytes, size, &at);
  if (most != 255) return damaged;
  at++; /* one white space ends the head */
  const char *problem = allocate(p, width, height);
  if (problem) return problem;
  if (at > size || size - at < width * height * 3) return damaged;
  memcpy(p->pixels, bytes + at, width * height * 3);
  return NULL;
}

/* Makes it as small as anybody shows it. If memory is short, it stays large. */
static void shrink(hearth__picture *p) {
  size_t longest = p->width > p->height ? p->width : p->height;
  if (longest <= HEARTH__PICTURE_SIDE) return;
  size_t width = p->width * HEARTH__PICTURE_SIDE / longest, height = p->height * HEARTH__PICTURE_SIDE / longest;
  hearth__picture small = {width ? width : 1, height ? height : 1, NULL};
  small.pixels = malloc(small.width * small.height * 3);
  if (!small.pixels) return;
  hearth__picture_scale(p, small.width, small.height, small.pixels);
  free(p->pixels);
  *p = small;
}

const char *hearth__picture_read(const char *path, const unsigned char background[3], hearth__picture *picture) {
  struct stat st;
  const char *problem = "it is no file that can be read";
  unsigned char *bytes = NULL;
  FILE *file = NULL;
  *picture = (hearth__picture){0};
  if (stat(path, &st) || !S_ISREG(st.st_mode)) goto out; /* a pipe would hold the thread */
  if ((size_t)st.st_size > LARGEST_FILE) {
    problem = too_large;
    goto out;
  }
  file = fopen(path, "rb");
  if (!file) goto out;
  size_t size = (size_t)st.st_size;
  bytes = malloc(size + 1);
  if (!bytes) {
    problem = no_memory;
    goto out;
  }
  size = fread(bytes, 1, size, file);
  if (size > 8 && !png_sig_cmp(bytes, 0, 8))
    problem = read_png(bytes, size, background, picture);
  else if (size > 3 && !memcmp(bytes, "\xFF\xD8\xFF", 3))
    problem = read_jpeg(bytes, size, picture);
  else if (size > 2 && !memcmp(bytes, "P6", 2))
    problem = read_ppm(bytes, size, picture);
  else
    problem = "it is no PNG, JPEG or PPM";
  if (!problem) shrink(picture);
out:
  if (problem) hearth__picture_free(picture);
  if (file) fclose(file);
  free(bytes);
  return problem;
}

void hearth__picture_scale(const hearth__picture *p, size_t width, size_t height, unsigned char *to) {
  for (size_t y = 0; y < height; y++) {
    size_t top = y * p->height / height, bottom = (y + 1) * p->height / height;
    if (bottom <= top) bottom = top + 1;
    for (size_t x = 0; x < width; x++) {
      size_t left = x * p->width / width, right = (x + 1) * p->width / width;
      if (right <= left) right = left + 1;
      size_t sum[3] = {0}, count = (bottom - top) * (right - left);
      for (size_t py = top; py < bottom; py++) {
        const unsigned char *pixel = p->pixels + (py * p->width + left) * 3;
        for (size_t px = left; px < right; px++, pixel += 3) {
          sum[0] += pixel[0];
          sum[1] += pixel[1];
          sum[2] += pixel[2];
        }
      }
      for (int c = 0; c < 3; c++) *to++ = (unsigned char)((sum[c] + count / 2) / count);
    }
  }
}

void hearth__picture_free(hearth__picture *picture) {
  free(picture->pixels);
  *picture = (hearth__picture){0};
}
