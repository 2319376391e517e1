/* Decode frames and compare their SHA-256 with those of a list: golden LIST

   A line of the list: path of an archive, gutters (0..2), lightmap, format, prepared (0, 1), time, SHA-256 of the
   pixels; written by tests/native/library/frames.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "todpack.h"

static uint32_t turn(uint32_t value, int bits)
{
    return value >> bits | value << (32 - bits);
}

/* Source: FIPS 180-4. */
static void add_block(uint32_t state[8], const uint8_t *block)
{
    static const uint32_t K[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
               block[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        const uint32_t a = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3;
        const uint32_t b = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + a + w[i - 7] + b;
    }
    memcpy(s, state, sizeof s);
    for (int i = 0; i < 64; i++) {
        const uint32_t e = turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25), chosen = (s[4] & s[5]) ^ (~s[4] & s[6]);
        const uint32_t a = turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22);
        const uint32_t most = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]), one = s[7] + e + chosen + K[i] + w[i];
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += one;
        s[0] = one + a + most;
    }
    for (int i = 0; i < 8; i++)
        state[i] += s[i];
}

static void digest_of(const uint8_t *data, size_t n, char text[65])
{
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint8_t end[128] = {0};
    const size_t left = n % 64, n_end = left < 56 ? 64 : 128;
    for (size_t at = 0; at + 64 <= n; at += 64)
        add_block(state, data + at);
    memcpy(end, data + (n - left), left);
    end[left] = 0x80;
    for (int i = 0; i < 8; i++)
        end[n_end - 1 - (size_t)i] = (uint8_t)((uint64_t)n * 8 >> 8 * i);
    for (size_t at = 0; at < n_end; at += 64)
        add_block(state, end + at);
    for (int i = 0; i < 8; i++)
        snprintf(text + 8 * i, 9, "%08x", (unsigned)state[i]);
}

static void die(const char *what, const char *why)
{
    fprintf(stderr, "golden: %s: %s\n", what, why);
    exit(1);
}

static uint8_t *read_file(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        die(path, "cannot be read");
    fseek(file, 0, SEEK_END);
    *n = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = malloc(*n + 1);
    if (!data || fread(data, 1, *n, file) != *n)
        die(path, "cannot be read");
    fclose(file);
    return data;
}

static void check_frame(char *line)
{
    char path[1024], expected[65], found[65];
    int gutters, lightmap, format, is_prepared;
    double time_h;
    size_t n;
    TodArchive *archive;
    TodOptions options;
    TodError error;
    if (sscanf(line, "%1023s %d %d %d %d %lf %64s", path, &gutters, &lightmap, &format, &is_prepared, &time_h,
               expected) != 7)
        die(line, "expected seven fields");
    uint8_t *data = read_file(path, &n);
    tod_default_options(&options);
    options.gutters = (TodGutters)gutters;
    if (tod_open(data, n, &options, &archive, &error) != TOD_OK ||
        (is_prepared && tod_prepare(archive, lightmap, NULL, &error) != TOD_OK))
        die(path, error.text);
    const TodLightmapInfo *info = tod_lightmap(archive, lightmap);
    const size_t n_bytes = (size_t)info->height * (size_t)info->width * tod_pixel_bytes((TodFormat)format);
    const TodTarget target = {malloc(n_bytes), 0, n_bytes, (TodFormat)format};
    if (tod_decode(archive, lightmap, time_h, NULL, &target, &error) != TOD_OK)
        die(path, error.text);
    digest_of(target.pixels, n_bytes, found);
    if (strcmp(found, expected) != 0)
        die(line, "another digest");
    free(target.pixels);
    tod_close(&archive);
    free(data);
}

int main(int argc, char **argv)
{
    char line[2048];
    int n = 0;
    FILE *list = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (!list)
        die("usage", "golden LIST");
    for (; fgets(line, sizeof line, list); n++)
        check_frame(line);
    fclose(list);
    printf("%d frames as expected\n", n);
    return n ? 0 : 1;
}
