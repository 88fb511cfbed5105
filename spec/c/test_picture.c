/* Pictures, of each format and of none: their pixels are right, and no bytes whatever bring the reader down. */
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include <png.h>
#include <turbojpeg.h>

#include "check.h"
#include "term/picture.h"

static char path[] = "/tmp/hearth-picture-XXXXXX";
static const unsigned char behind[3] = {10, 20, 30};

static const char *read_bytes(const void *bytes, size_t size, hearth__picture *p) {
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(bytes, 1, size, file) != size) abort();
  fclose(file);
  return hearth__picture_read(path, behind, p);
}

static const unsigned char *pixel(const hearth__picture *p, size_t x, size_t y) {
  return p->pixels + (y * p->width + x) * 3;
}

static bool near(const unsigned char *got, int r, int g, int b) {
  return abs(got[0] - r) < 12 && abs(got[1] - g) < 12 && abs(got[2] - b) < 12;
}

/* Red and nothing above green and white. */
static size_t make_png(unsigned char *to, size_t room) {
  static const unsigned char pixels[] = {255, 0, 0, 255, 0, 0, 0, 0, 0, 255, 0, 255, 255, 255, 255, 255};
  png_image image = {.version = PNG_IMAGE_VERSION, .width = 2, .height = 2, .format = PNG_FORMAT_RGBA};
  png_alloc_size_t size = room;
  if (!png_image_write_to_memory(&image, to, &size, 0, pixels, 0, NULL)) abort();
  return size;
}

/* So many pixels each way: the left half red, the right half blue. */
static size_t make_jpeg(unsigned char *to, size_t room, int side) {
  unsigned char *pixels = calloc((size_t)(side * side), 3), *bytes = NULL;
  unsigned long size = 0;
  for (int i = 0; i < side * side; i++) pixels[i * 3 + (i % side < side / 2 ? 0 : 2)] = 250;
  tjhandle encoder = tjInitCompress();
  if (tjCompress2(encoder, pixels, side, 0, side, TJPF_RGB, &bytes, &size, TJSAMP_444, 90, 0) || size > room) abort();
  memcpy(to, bytes, size);
  tjFree(bytes);
  tjDestroy(encoder);
  free(pixels);
  return size;
}

static const char ppm[] = "P6 # a comment\n2 #another\n2\n255\n\xFF\0\0\0\0\xFF\0\xFF\0\xFF\xFF\xFF";

static void each_format_gives_its_pixels(void) {
  static unsigned char bytes[1 << 20];
  hearth__picture p;
  CHECK(read_bytes(bytes, make_png(bytes, sizeof bytes), &p) == NULL);
  CHECK(p.width == 2 && p.height == 2);
  CHECK(near(pixel(&p, 0, 0), 255, 0, 0) && near(pixel(&p, 1, 0), 10, 20, 30));
  CHECK(near(pixel(&p, 0, 1), 0, 255, 0) && near(pixel(&p, 1, 1), 255, 255, 255));
  hearth__picture_free(&p);
  CHECK(read_bytes(ppm, sizeof ppm - 1, &p) == NULL);
  CHECK(p.width == 2 && p.height == 2);
  CHECK(near(pixel(&p, 0, 0), 255, 0, 0) && near(pixel(&p, 1, 0), 0, 0, 255) && near(pixel(&p, 1, 1), 255, 255, 255));
  hearth__picture_free(&p);
  CHECK(read_bytes(bytes, make_jpeg(bytes, sizeof bytes, 32), &p) == NULL);
  CHECK(p.width == 32 && p.height == 32);
  CHECK(near(pixel(&p, 2, 2), 250, 0, 0) && near(pixel(&p, 29, 29), 0, 0, 250));
  hearth__picture_free(&p);
}

static void large_ones_are_kept_small(void) {
  static unsigned char bytes[4 << 20];
  hearth__picture p;
  CHECK(read_bytes(bytes, make_jpeg(bytes, sizeof bytes, 3000), &p) == NULL);
  CHECK(p.width == HEARTH__PICTURE_SIDE && p.height == HEARTH__PICTURE_SIDE);
  CHECK(near(pixel(&p, 10, 10), 250, 0, 0) && near(pixel(&p, 500, 500), 0, 0, 250));
  hearth__picture_free(&p);
}

static void a_scaled_pixel_is_the_mean_of_what_it_covers(void) {
  unsigned char pixels[] = {0, 0, 0, 100, 100, 100, 50, 0, 0, 50, 0, 0}, small[3], wide[12 * 3];
  hearth__picture p = {2, 2, pixels};
  hearth__picture_scale(&p, 1, 1, small);
  CHECK(small[0] == 50 && small[1] == 25 && small[2] == 25);
  hearth__picture_scale(&p, 4, 3, wide);
  CHECK(wide[0] == 0 && wide[2 * 3] == 100 && wide[3 * 3] == 100 && wide[(2 * 4) * 3] == 50);
}

static void what_is_no_picture_is_told(void) {
  hearth__picture p;
  CHECK_STR(read_bytes("", 0, &p), "it is no PNG, JPEG or PPM");
  CHECK_STR(read_bytes("P6 4 4 65535\n", 13, &p), "it is damaged");
  CHECK_STR(read_bytes("P6 0 4 255\n", 11, &p), "it is damaged");
  CHECK_STR(read_bytes("P6 90000 90000 255\n", 19, &p), "it is too large");
  CHECK_STR(read_bytes("P6 99999999999999999999 9 255\n", 30, &p), "it is damaged");
  CHECK(p.pixels == NULL);
  CHECK_STR(hearth__picture_read("/nowhere/at.png", behind, &p), "it is no file that can be read");
  CHECK_STR(hearth__picture_read("/tmp", behind, &p), "it is no file that can be read");
  unlink(path);
  CHECK(mkfifo(path, 0600) == 0);
  CHECK_STR(hearth__picture_read(path, behind, &p), "it is no file that can be read"); /* and does not wait for a writer */
  unlink(path);
}

static void damage(const unsigned char *bytes, size_t size) {
  static unsigned char copy[1 << 20];
  hearth__picture p;
  for (size_t i = 0; i < size; i++) {
    read_bytes(bytes, i, &p);
    hearth__picture_free(&p);
    memcpy(copy, bytes, size);
    copy[i] ^= (unsigned char)(1 << (i % 8));
    const char *problem = read_bytes(copy, size, &p);
    CHECK(!problem == !!p.pixels);
    CHECK(p.width <= HEARTH__PICTURE_SIDE && p.height <= HEARTH__PICTURE_SIDE);
    hearth__picture_free(&p);
  }
}

static void damaged_ones_are_refused_or_shown_as_far_as_they_go(void) {
  static unsigned char bytes[1 << 20];
  damage(bytes, make_png(bytes, sizeof bytes));
  damage(bytes, make_jpeg(bytes, sizeof bytes, 16));
  damage((const unsigned char *)ppm, sizeof ppm - 1);
}

int main(void) {
  int fd = mkstemp(path);
  if (fd < 0) return 1;
  close(fd);
  RUN(each_format_gives_its_pixels);
  RUN(large_ones_are_kept_small);
  RUN(a_scaled_pixel_is_the_mean_of_what_it_covers);
  RUN(what_is_no_picture_is_told);
  RUN(damaged_ones_are_refused_or_shown_as_far_as_they_go);
  unlink(path);
  return check_end();
}
