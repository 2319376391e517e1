#include "packed_metadata.h"

#include <stdarg.h>
#include <string.h>

#include "adaptive.h"

#define PACKED 0x0F
#define MOST_SIDE (1 << 20)
#define MOST_COUNT (1 << 12)
#define MOST_TILES (1 << 10)
#define MOST_NAME (1 << 8)
#define MOST_DECIMALS 9
#define LEAST_PLACE 4 /* the first decimal of the least number */
#define HOURS_PER_DAY 24
#define BLOCK 16
#define WHOLE_TILE 512

/* Classes of integers, by what they are. */
enum {
    HOUR, HEIGHT, WIDTH, INVALID, TILE, LEVELS, CLASSES, COMPONENTS, PRECISION, CENTROID, DECIMALS, DIGITS, WEIGHT,
    NAME, EXPONENT, CODEC, STORED, DECODED
};

typedef struct Decimal {
    int64_t digits;
    int decimals;
} Decimal;

typedef struct Walk {
    TodAdaptive coder;
    TodIntegers integers;
    TodAdaptiveModel letters[128], gaps[3], has[3];
    char *text;
    size_t at, room;
    int is_bad; /* a number was out of range, or the text too long */
    int64_t n_sections, end; /* of the table so far */
} Walk;

typedef struct Model {
    int64_t height, width, n_invalid, step, n_hours, n_components, n_classes, n_levels, tile, precision;
    int64_t centroids[2], weights[2];
    Decimal q_step, bound;
    int has_smoothing;
    char name[MOST_NAME + 1];
} Model;

/* Add text as `printf` would have it, of %d (int64_t), %s and %%. */
static void say(Walk *walk, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    for (const char *c = format; *c; c++) {
        char digits[24];
        const char *part = c;
        size_t n = 1;
        if (*c == '%' && *++c == 'd') {
            const int64_t value = va_arg(arguments, int64_t);
            uint64_t left = value < 0 ? (uint64_t)-value : (uint64_t)value;
            char *first = digits + sizeof digits;
            do
                *--first = (char)('0' + left % 10);
            while (left /= 10);
            if (value < 0)
                *--first = '-';
            part = first;
            n = (size_t)(digits + sizeof digits - first);
        } else if (*c == 's' && c[-1] == '%') {
            part = va_arg(arguments, const char *);
            n = strlen(part);
        }
        if (n > walk->room - walk->at) {
            walk->is_bad = 1;
            break;
        }
        memcpy(walk->text + walk->at, part, n);
        walk->at += n;
    }
    va_end(arguments);
}

/* The shortest text of digits / 10^decimals, with one decimal at least. */
static void say_decimal(Walk *walk, Decimal value)
{
    int64_t scale = 1, digits = value.digits < 0 ? -value.digits : value.digits;
    int decimals = value.decimals;
    while (decimals > 1 && digits % 10 == 0) {
        digits /= 10;
        decimals--;
    }
    for (int i = 0; i < decimals; i++)
        scale *= 10;
    say(walk, value.digits < 0 ? "-%d." : "%d.", digits / scale);
    for (scale /= 10; scale; scale /= 10)
        say(walk, "%d", digits / scale % 10);
}

static int64_t counted(Walk *walk, int kind, int64_t least, int64_t most)
{
    const int64_t found = least + tod_adaptive_integer(&walk->coder, &walk->integers, kind, -1);
    if (found <= most)
        return found;
    walk->is_bad = 1;
    return least;
}

static int64_t with_sign(Walk *walk, int kind, int sign)
{
    return tod_adaptive_integer(&walk->coder, &walk->integers, kind, sign);
}

static uint32_t raw(Walk *walk, int n_bits)
{
    uint32_t found = 0;
    while (n_bits--)
        found = found << 1 | (uint32_t)tod_adaptive_bit(&walk->coder, NULL);
    return found;
}

static Decimal decimal(Walk *walk)
{
    Decimal value;
    value.decimals = (int)counted(walk, DECIMALS, 1, MOST_DECIMALS);
    value.digits = counted(walk, DIGITS, 0, INT32_MAX);
    int64_t least = 1;
    for (int i = LEAST_PLACE; i < value.decimals; i++)
        least *= 10;
    walk->is_bad |= value.digits && value.digits < least;
    return value;
}

static void read_name(Walk *walk, char *name)
{
    const int64_t n = counted(walk, NAME, 1, MOST_NAME);
    for (int64_t i = 0; i < n; i++) {
        int node = 1;
        while (node < 128)
            node = node << 1 | tod_adaptive_bit(&walk->coder, &walk->letters[node]);
        name[i] = (char)(node - 128);
        walk->is_bad |= name[i] < 32 || name[i] > 126 || name[i] == '"' || name[i] == '\\';
    }
    name[n] = 0;
}

/* What the text has in another order, up to the exponents. */
static void read_model(Walk *walk, Model *m)
{
    m->step = counted(walk, HOUR, 1, HOURS_PER_DAY / 2);
    m->n_hours = (HOURS_PER_DAY + m->step - 1) / m->step;
    m->height = counted(walk, HEIGHT, 1, MOST_SIDE);
    m->width = m->height + with_sign(walk, WIDTH, 0);
    if (m->width < 1 || m->width > MOST_SIDE) {
        walk->is_bad = 1;
        m->width = 1;
    }
    m->n_invalid = counted(walk, INVALID, 0, m->height * m->width - 1);
    read_name(walk, m->name);
    m->n_components = counted(walk, COMPONENTS, 1, MOST_COUNT);
    m->n_classes = counted(walk, CLASSES, 1, 256);
    m->n_levels = counted(walk, LEVELS, 1, 12);
    for (int i = 0; i < 2; i++)
        m->centroids[i] = with_sign(walk, CENTROID, 0);
    m->tile = WHOLE_TILE;
    if (tod_adaptive_bit(&walk->coder, &walk->has[0]))
        m->tile = counted(walk, TILE, 1, MOST_SIDE);
    m->precision = with_sign(walk, PRECISION, 0);
    m->q_step = decimal(walk);
    m->has_smoothing = tod_adaptive_bit(&walk->coder, &walk->has[1]);
    if (m->has_smoothing) {
        m->bound = decimal(walk);
        for (int i = 0; i < 2; i++)
            m->weights[i] = counted(walk, WEIGHT, 0, 16);
    }
}

static void say_fraction(Walk *walk, int64_t numerator, int64_t unit, int decimals)
{
    if (numerator > INT32_MAX || numerator < -INT32_MAX)
        walk->is_bad = 1;
    else
        say_decimal(walk, (Decimal){numerator * unit, decimals});
}

static void say_lightmap(Walk *walk, const Model *m)
{
    say(walk, "{\"hours\":[");
    for (int64_t hour = 0; hour < HOURS_PER_DAY; hour += m->step)
        say(walk, hour ? ",%d.0" : "%d.0", hour);
    say(walk, "],\"lightmaps\":[{\"height\":%d,\"mask\":%s,\"model\":{\"centroids\":[", m->height,
        m->n_invalid ? "\"0/mask\"" : "null");
    say_fraction(walk, m->centroids[0], 3125, 5);
    say(walk, ",");
    say_fraction(walk, m->centroids[1], 3125, 5);
    say(walk, "],\"entropy\":\"ans\",\"exponents\":[");
    int64_t exponent = 0, change = 0;
    for (int64_t k = 0; k <= m->n_components && !walk->is_bad; k++) {
        change = with_sign(walk, EXPONENT, 1 + (change > 0) + 2 * (change < 0));
        exponent += change;
        say(walk, k ? ",%d" : "%d", exponent);
    }
    say(walk, "],\"gap_modes\":\"");
    for (int64_t i = 0, before = 0; i < m->n_hours; i++) {
        const int is_cubic = tod_adaptive_bit(&walk->coder, &walk->gaps[before]);
        say(walk, is_cubic ? "C" : "L");
        before = 1 + is_cubic;
    }
    say(walk, "\",\"graphs\":{\"frame\":\"0/frame.onnx\"},\"n_classes\":%d,\"n_components\":%d,\"n_levels\":%d,",
        m->n_classes, m->n_components, m->n_levels);
    say(walk, "\"precision\":%d,\"q_step\":", m->precision);
    say_decimal(walk, m->q_step);
    if (m->has_smoothing) {
        say(walk, ",\"smoothing\":{\"bound\":");
        say_decimal(walk, m->bound);
        say(walk, ",\"weights\":[");
        say_fraction(walk, m->weights[0], 15625, 6);
        say(walk, ",");
        say_fraction(walk, m->weights[1], 15625, 6);
        say(walk, "]}");
    }
    say(walk, ",\"tile\":%d},\"name\":\"%s\",\"valid_texels\":%d,\"width\":%d}],", m->tile, m->name,
        m->height * m->width - m->n_invalid, m->width);
    say(walk, "\"model_type\":\"daybasis\",\"requires\":[%s\"dictionary\",\"digest\",\"adaptive\",\"packed\"],",
        m->has_smoothing ? "\"smoothing\"," : "");
}

/* An entry of the table; of rank 0 it is a list of bytes. */
static void say_section(Walk *walk, int64_t number, const char *name, int is_wide, int rank, const int64_t *shape)
{
    static const char *const CODECS[] = {"raw", "zstd", "zstd-1", "adaptive", "standard"};
    const int64_t codec = counted(walk, CODEC, 0, 4), is_told = codec == 4;
    const int64_t stored = is_told ? 0 : counted(walk, STORED, 0, INT32_MAX);
    const int is_wider = is_wide && tod_adaptive_bit(&walk->coder, &walk->has[2]);
    int64_t size = is_wider ? 4 : is_wide ? 2 : 1, bytes = 0;
    if (rank == 0) {
        bytes = codec == 0 ? stored : counted(walk, DECODED, 0, INT32_MAX);
        shape = &bytes;
    }
    const int n_sides = rank ? rank : 1;
    for (int i = 0; i < n_sides; i++)
        size *= shape[i];
    say(walk, walk->n_sections++ ? ",{" : "{");
    say(walk, "\"codec\":\"%s\",\"crc32\":%d,\"decoded_bytes\":%d,\"dtype\":\"%s\",\"name\":\"0/", CODECS[codec],
        is_told ? 0 : (int64_t)raw(walk, 32), size, is_wider ? "i4" : is_wide ? "u2" : "u1");
    if (number >= 0)
        say(walk, "%d/", number);
    say(walk, "%s\",\"offset\":%d,\"shape\":[", name, walk->end);
    for (int i = 0; i < n_sides; i++)
        say(walk, i ? ",%d" : "%d", shape[i]);
    say(walk, "],\"stored_bytes\":%d}", stored);
    walk->end += stored;
}

static int64_t blocks_of(int64_t side, int64_t first, int64_t tile)
{
    return ((side - first < tile ? side - first : tile) + BLOCK - 1) / BLOCK;
}

static void say_sections(Walk *walk, const Model *m)
{
    const int64_t basis[3] = {m->n_components + 1, 3, m->n_hours};
    const int64_t turns[2] = {m->n_classes, m->n_components * (m->n_components - 1) / 2};
    int64_t number = 0;
    say(walk, "\"sections\":[");
    if (m->n_invalid)
        say_section(walk, -1, "mask", 0, 0, NULL);
    say_section(walk, -1, "basis", 1, 3, basis);
    if (m->n_classes > 1)
        say_section(walk, -1, "turns", 1, 2, turns);
    say_section(walk, -1, "frame.onnx", 0, 0, NULL);
    for (int64_t y = 0; y < m->height; y += m->tile)
        for (int64_t x = 0; x < m->width && !walk->is_bad; x += m->tile, number++) {
            const int64_t blocks[2] = {blocks_of(m->height, y, m->tile), blocks_of(m->width, x, m->tile)};
            say_section(walk, number, "coefficients", 0, 0, NULL);
            if (m->n_classes > 1)
                say_section(walk, number, "classes", 0, 2, blocks);
        }
    say(walk, "],\"sha256\":\"");
    for (int i = 0; i < 64; i++) {
        const char digit[2] = {"0123456789abcdef"[raw(walk, 4)], 0};
        say(walk, digit);
    }
    say(walk, "\",\"transfer\":\"srgb8\",\"version\":\"1.4\"}");
}

int tod_is_packed_metadata(TodBytes stored)
{
    return stored.n && stored.data[0] == PACKED;
}

TodStatus tod_unpack_metadata(TodBytes stored, TodArena *scratch, char *text, size_t n, TodError *error)
{
    const TodMark mark = tod_arena_mark(scratch);
    Walk *walk = tod_arena_zeros(scratch, 1, sizeof *walk);
    Model *model = tod_arena_zeros(scratch, 1, sizeof *model);
    if (!walk || !model)
        return tod_fail_at(error, TOD_NO_MEMORY, "metadata.json");
    tod_adaptive_open(&walk->coder, stored.data + 1, stored.n - 1);
    tod_integers_reset(&walk->integers);
    tod_adaptive_reset(walk->letters, sizeof walk->letters / sizeof *walk->letters);
    tod_adaptive_reset(walk->gaps, sizeof walk->gaps / sizeof *walk->gaps);
    tod_adaptive_reset(walk->has, sizeof walk->has / sizeof *walk->has);
    walk->text = text;
    walk->room = n;
    read_model(walk, model);
    const int64_t n_rows = (model->height + model->tile - 1) / model->tile;
    const int64_t n_columns = (model->width + model->tile - 1) / model->tile;
    walk->is_bad |= n_rows * n_columns > MOST_TILES;
    if (!walk->is_bad)
        say_lightmap(walk, model);
    if (!walk->is_bad)
        say_sections(walk, model);
    const int is_whole = !walk->is_bad && walk->at == n;
    tod_arena_rewind(scratch, mark);
    return is_whole ? TOD_OK
                    : tod_fail(error, TOD_INVALID_METADATA, "metadata.json: packed metadata of %zu bytes are damaged", n);
}
