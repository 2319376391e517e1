/* A mask: rows, columns (one byte each, + 1), then the section. */
#include <string.h>

#include "../archive/mask.h"
#include "account.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static uint8_t valid[256 * 256];
    Account account = {0, 0};
    TodArena held, scratch;
    TodMask mask;
    if (n < 2)
        return 0;
    const int32_t height = data[0] + 1, width = data[1] + 1;
    const TodRegion all = {0, height, 0, width};
    tod_arena_open(&held, allocator_of(&account), 1 << 10);
    tod_arena_open(&scratch, allocator_of(&account), 1 << 10);
    if (tod_read_mask((TodBytes){data + 2, n - 2}, height, width, &held, &scratch, &mask) == TOD_OK) {
        int64_t count = 0;
        tod_unpack_mask(&mask, all, valid, (size_t)width);
        for (int32_t i = 0; i < height * width; i++) {
            check(valid[i] <= 1, "a mask is of 0 and 1");
            check(valid[i] == tod_is_valid(&mask, i / width, i % width), "texels are the mask's");
            count += valid[i];
        }
        check(count == tod_count_valid(&mask, all), "the count is the mask's");
    }
    tod_arena_close(&scratch);
    tod_arena_close(&held);
    check(account.now == 0, "all memory is given back");
    return 0;
}
