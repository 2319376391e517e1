/* What every encode_kernels_*.c compiles, and the table of it. */
#include "product_kernels.h"
#include "rate_kernels.h"
#include "site_kernels.h"

#define TOD_ENCODE_KERNEL_TABLE                                                                                        \
    {                                                                                                                  \
        multiply_rows, add_products, neighborhood_rates, rate_slopes, gather, scatter, add_rows, add_scaled             \
    }
