/* What a function of the library reports. No globals, no printing. */
#ifndef TOD_STATUS_H
#define TOD_STATUS_H

#include "todpack.h"

#endif
