/* One hour of a lightmap as a picture: tod_frame ARCHIVE HOUR OUT.ppm
   [LIGHTMAP]

   cc tod_frame.c $(pkg-config --cflags --libs todpack) -o tod_frame */
#include <stdio.h>
#include <stdlib.h>

#include <todpack.h>

static int fail(const char *what, const char *why) {
  fprintf(stderr, "tod_frame: %s: %s\n", what, why);
  return 1;
}

static void *read_file(const char *path, size_t *n_bytes) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END) != 0)
    return NULL;
  const long size = ftell(file);
  void *data = size >= 0 ? malloc((size_t)size + 1) : NULL;
  rewind(file);
  *n_bytes = data ? fread(data, 1, (size_t)size, file) : 0;
  fclose(file);
  return data;
}

static int write_picture(const char *path, const TodLightmapInfo *info,
                         const unsigned char *pixels) {
  const size_t n_bytes = 3 * (size_t)info->width * (size_t)info->height;
  FILE *file = fopen(path, "wb");
  if (!file)
    return 0;
  fprintf(file, "P6\n%d %d\n255\n", info->width, info->height);
  const int is_written = fwrite(pixels, 1, n_bytes, file) == n_bytes;
  return fclose(file) == 0 && is_written;
}

int main(int argc, char **argv) {
  TodArchive *archive;
  TodError error;
  size_t n_bytes;
  if (argc < 4 || argc > 5)
    return fail("usage", "tod_frame ARCHIVE HOUR OUT.ppm [LIGHTMAP]");
  void *data = read_file(argv[1], &n_bytes);
  if (!data)
    return fail(argv[1], "cannot be read");
  if (tod_open(data, n_bytes, NULL, &archive, &error) != TOD_OK)
    return fail(argv[1], error.text);
  const int lightmap = argc == 5 ? tod_find_lightmap(archive, argv[4]) : 0;
  const TodLightmapInfo *info = tod_lightmap(archive, lightmap);
  char *end;
  const double time_h = strtod(argv[2], &end);
  if (end == argv[2] || *end)
    return fail(argv[2], "expected an hour such as 5.9");
  if (!info)
    return fail(argv[4], "the archive has no such lightmap");
  const size_t n_pixel_bytes = 3 * (size_t)info->width * (size_t)info->height;
  unsigned char *pixels = malloc(n_pixel_bytes);
  const TodTarget target = {pixels, 0, n_pixel_bytes, TOD_RGB8};
  if (tod_decode(archive, lightmap, time_h, NULL, &target, &error) != TOD_OK)
    return fail(argv[1], error.text);
  if (!write_picture(argv[3], info, pixels))
    return fail(argv[3], "cannot be written");
  tod_close(&archive);
  free(pixels);
  free(data);
  return 0;
}
