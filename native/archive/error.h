/* The first thing that goes wrong, in one line. */
#ifndef TOD_ERROR_H
#define TOD_ERROR_H

#include "todpack.h"

#ifdef __GNUC__
#define TOD_PRINTF __attribute__((format(printf, 3, 4)))
#else
#define TOD_PRINTF
#endif

/* Text into `room` bytes, cut off at a whole character where it does not fit. */
void tod_write(char *to, size_t room, const char *format, ...) TOD_PRINTF;

/* Set the error, unless one is set already; what does not fit is cut off. Returns the status that it has then. */
TodStatus tod_fail(TodError *error, TodStatus status, const char *format, ...) TOD_PRINTF;

/* Set it to the status's own text behind "where: "; TOD_OK does nothing. */
TodStatus tod_fail_at(TodError *error, TodStatus status, const char *where);

/* For the caller, who may have given NULL. */
TodStatus tod_report(const TodError *error, TodError *to);

#endif
