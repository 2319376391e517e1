/* The text of metadata.json, with the version in front of it as in a header: JSON, table of sections, entries. */
#include <string.h>

#include "../archive/metadata.h"
#include "account.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    Account account = {0, 0};
    TodOptions options;
    TodContainer container;
    TodMetadata metadata;
    TodError error = {TOD_OK, ""};
    TodArena held, scratch;
    char *text = malloc(n + 1);
    if (!text)
        return 0;
    memcpy(text, data, n);
    text[n] = 0;
    const TodJson json = {text, n};
    tod_default_options(&options);
    memset(&container, 0, sizeof container);
    container.major = 1;
    container.minor = strstr(text, "\"1.2\"") ? 2 : strstr(text, "\"1.1\"") ? 1 : 0;
    container.limits = options.limits;
    container.reader.n_bytes = 1 << 20;
    tod_arena_open(&held, allocator_of(&account), 1 << 10);
    tod_arena_open(&scratch, allocator_of(&account), 1 << 10);
    if (tod_check_json(&json, &scratch, &error) == TOD_OK) {
        TodError of_sections = {TOD_OK, ""};
        tod_read_sections(&container, &json, &held, &of_sections);
        tod_read_entries(&container, &json, &held, &scratch, &metadata, &error);
    }
    check(error.status == TOD_OK || strlen(error.text) > 0, "an error has a line");
    check(account.peak <= (1 << 16) + 16 * n, "memory in proportion to the text");
    tod_arena_close(&scratch);
    tod_arena_close(&held);
    check(account.now == 0, "all memory is given back");
    free(text);
    return 0;
}
