/* Decimal text to the nearest double, whatever the locale. */
#ifndef TOD_NUMBER_H
#define TOD_NUMBER_H

#include <stddef.h>

/* The double nearest to a JSON number of n characters, half to even; infinity beyond the largest. */
double tod_double_of(const char *text, size_t n);

#endif
