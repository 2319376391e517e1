/* What every kernels_*.c compiles, and the table of it. */
#include "context_kernels.h"
#include "frame_kernels.h"
#include "restore_kernels.h"

#define TOD_KERNEL_TABLE(name)                                                                                         \
    {                                                                                                                  \
        name, parent_row, class_row, rotate_row, rotate_row_in_double, scale_row, lift, smooth, snap_narrow,           \
            snap_wide, product_narrow, product_wide, pixels_of                                                         \
    }
