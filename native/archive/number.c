#include "number.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define MOST_DIGITS                                                                                                    \
    800 /* more than any tie between two doubles has; of those behind only whether one is not 0 counts */
#define MOST_WORDS 224
#define LEAST_EXPONENT 1074 /* of the least double, 2^-1074 */
#define MOST_EXPONENT 100000000 /* more than any text has digits, which it may make up for */

/* digits * 10^exponent; digits without leading zeros. */
typedef struct Decimal {
    int negative, n;
    long exponent;
    char digits[MOST_DIGITS + 1];
} Decimal;

/* A natural number, the lowest word first. */
typedef struct Natural {
    int n;
    uint32_t words[MOST_WORDS];
} Natural;

static void add_digit(Decimal *decimal, char digit, int *sticky)
{
    if (decimal->n == 0 && digit == '0')
        return;
    if (decimal->n < MOST_DIGITS) {
        decimal->digits[decimal->n++] = digit;
    } else {
        decimal->exponent++;
        *sticky |= digit != '0';
    }
}

static void read_decimal(const char *text, size_t n, Decimal *decimal)
{
    size_t i = 0;
    int sticky = 0;
    memset(decimal, 0, sizeof *decimal);
    if (i < n && text[i] == '-')
        decimal->negative = (int)++i;
    for (; i < n && text[i] >= '0' && text[i] <= '9'; i++)
        add_digit(decimal, text[i], &sticky);
    if (i < n && text[i] == '.')
        for (i++; i < n && text[i] >= '0' && text[i] <= '9'; i++) {
            add_digit(decimal, text[i], &sticky);
            decimal->exponent--;
        }
    if (i < n) { /* e or E */
        const int below = text[++i] == '-';
        long exponent = 0;
        for (i += text[i] == '-' || text[i] == '+'; i < n; i++)
            exponent = exponent < MOST_EXPONENT ? 10 * exponent + (text[i] - '0') : exponent;
        decimal->exponent += below ? -exponent : exponent;
    }
    if (sticky) {
        decimal->digits[decimal->n++] = '1';
        decimal->exponent--;
    }
}

/* a = a * factor + term */
static void multiply(Natural *a, uint32_t factor, uint32_t term)
{
    uint64_t carry = term;
    for (int i = 0; i < a->n; i++) {
        carry += (uint64_t)a->words[i] * factor;
        a->words[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry)
        a->words[a->n++] = (uint32_t)carry;
}

static void times_power_of_ten(Natural *a, long exponent)
{
    for (; exponent >= 9; exponent -= 9)
        multiply(a, 1000000000u, 0);
    for (; exponent > 0; exponent--)
        multiply(a, 10, 0);
}

static int bits_of(const Natural *a)
{
    int bits = 32 * (a->n - 1);
    for (uint32_t top = a->words[a->n - 1]; top; top >>= 1)
        bits++;
    return bits;
}

static void shift_left(Natural *a, int bits)
{
    const int words = bits / 32;
    memmove(a->words + words, a->words, (size_t)a->n * sizeof *a->words);
    memset(a->words, 0, (size_t)words * sizeof *a->words);
    a->n += words;
    multiply(a, 1u << bits % 32, 0);
}

static void halve(Natural *a)
{
    for (int i = 0; i < a->n; i++)
        a->words[i] = a->words[i] >> 1 | (i + 1 < a->n ? a->words[i + 1] << 31 : 0);
    a->n -= a->n > 1 && a->words[a->n - 1] == 0;
}

/* Subtract b where it is not larger than a; whether it was. */
static int take_away(Natural *a, const Natural *b)
{
    if (a->n < b->n)
        return 0;
    for (int i = a->n - 1; i >= 0; i--) {
        const uint32_t other = i < b->n ? b->words[i] : 0;
        if (a->words[i] < other)
            return 0;
        if (a->words[i] > other)
            break;
    }
    uint64_t borrow = 0;
    for (int i = 0; i < a->n; i++) {
        const uint64_t difference = (uint64_t)a->words[i] - (i < b->n ? b->words[i] : 0) - borrow;
        a->words[i] = (uint32_t)difference;
        borrow = difference >> 63;
    }
    while (a->n > 1 && a->words[a->n - 1] == 0)
        a->n--;
    return 1;
}

/* The quotient has 55 or 56 bits, the lowest of which also stands for all that follows: one rounding is left. */
static double divide(const Decimal *decimal)
{
    Natural above = {1, {0}}, below = {1, {1}};
    for (int i = 0; i < decimal->n; i++)
        multiply(&above, 10, (uint32_t)(decimal->digits[i] - '0'));
    times_power_of_ten(&above, decimal->exponent);
    times_power_of_ten(&below, -decimal->exponent);
    const int shift = 55 - (bits_of(&above) - bits_of(&below));
    shift_left(shift > 0 ? &above : &below, shift > 0 ? shift : -shift);
    shift_left(&below, 56);
    uint64_t quotient = 0;
    for (int i = 0; i <= 56; i++) {
        quotient = quotient << 1 | (uint64_t)take_away(&above, &below);
        halve(&below);
    }
    quotient |= above.n > 1 || above.words[0] != 0;
    const int lost = shift - LEAST_EXPONENT;
    if (lost >= 58) /* under half of the least double */
        return 0.0;
    if (lost > 0 && quotient >> lost < 1ull << 53) { /* a subnormal one has fewer bits than it is converted to */
        const uint64_t half = 1ull << (lost - 1), kept = quotient >> lost, rest = quotient & (2 * half - 1);
        return ldexp((double)(kept + (rest > half || (rest == half && kept & 1))), -LEAST_EXPONENT);
    }
    return ldexp((double)quotient, -shift);
}

double tod_double_of(const char *text, size_t n)
{
    static const double POWERS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    Decimal decimal;
    double value = 0.0;
    read_decimal(text, n, &decimal);
    if (decimal.n && decimal.n + decimal.exponent > 310) {
        value = INFINITY;
    } else if (decimal.n && decimal.n <= 15 && decimal.exponent >= -22 && decimal.exponent <= 22) {
        for (int i = 0; i < decimal.n; i++)
            value = 10.0 * value + (decimal.digits[i] - '0');
        value = decimal.exponent < 0 ? value / POWERS[-decimal.exponent] : value * POWERS[decimal.exponent];
    } else if (decimal.n && decimal.n + decimal.exponent > -330) {
        value = divide(&decimal);
    }
    return decimal.negative ? -value : value;
}
