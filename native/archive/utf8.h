/* UTF-8, strictly. */
#ifndef TOD_UTF8_H
#define TOD_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the character at `text`, of which `left` bytes are there; 0 where it is none. */
size_t tod_utf8_bytes(const uint8_t *text, size_t left);

/* Bytes of `text` before the first that is no UTF-8, or a hidden character: FORMAT.md "Metadata". */
size_t tod_plain_bytes(const uint8_t *text, size_t n);

#endif
