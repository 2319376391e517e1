#include <string.h>

#include "flag_lists.h"

#define N_LEVELS 9
#define SQUARE 16 /* side of a node of the highest level */

enum { FIRST = 1, SECOND = 2, ASKS = 4 }; /* of a node's parts: which hold something; the second has a flag */

/* A node of level s stands for 2^s texels; its parts lie side by side where s is odd, one above the other where it is
   even. */
typedef struct Node {
    uint16_t row, column;
} Node;

typedef struct Nodes {
    size_t n;
    Node *nodes;
} Nodes;

/* A part, of `level`, of a node. */
static Node part_of(Node node, int level, int second)
{
    if (level % 2 == 0)
        return (Node){node.row, (uint16_t)(2 * node.column + second)};
    return (Node){(uint16_t)(2 * node.row + second), node.column};
}

static int is_inside(Node node, int level, int32_t height, int32_t width)
{
    return (int64_t)node.row << level / 2 < height && (int64_t)node.column << (level + 1) / 2 < width;
}

/* What is in the parts of the nodes of the level above. Returns how many hold something. */
static size_t read_parts(TodRawBits *bits, int level, int32_t height, int32_t width, const Nodes *above, uint8_t *parts)
{
    size_t n = 0;
    for (size_t i = 0; i < above->n; i++) { /* a first part is there where the node is */
        const int has_second = is_inside(part_of(above->nodes[i], level, 1), level, height, width);
        parts[i] = !has_second || tod_next_flag(bits) ? FIRST : SECOND;
        if (has_second && parts[i] == FIRST)
            parts[i] |= ASKS;
    }
    for (size_t i = 0; i < above->n; i++) {
        if (parts[i] & ASKS)
            parts[i] = tod_next_flag(bits) ? FIRST | SECOND : FIRST;
        n += parts[i] == (FIRST | SECOND) ? 2 : 1;
    }
    return n;
}

/* The parts that hold something, by row and column. */
static void keep_parts(const Nodes *above, const uint8_t *parts, int level, Node *nodes)
{
    for (size_t i = 0; i < above->n;) {
        size_t next = i + 1; /* of nodes whose parts are rows, all first ones of a row come before the second ones */
        while (level % 2 && next < above->n && above->nodes[next].row == above->nodes[i].row)
            next++;
        for (int second = 0; second < 2; second++)
            for (size_t j = i; j < next; j++)
                if (parts[j] & (second ? SECOND : FIRST))
                    *nodes++ = part_of(above->nodes[j], level, second);
        i = next;
    }
}

/* Squares that hold a corner. */
static TodStatus read_squares(TodRawBits *bits, int32_t height, int32_t width, TodArena *scratch, Nodes *nodes)
{
    const int32_t rows = (height + SQUARE - 1) / SQUARE, columns = (width + SQUARE - 1) / SQUARE;
    if ((uint64_t)rows * (uint64_t)columns > bits->n_bits - bits->position)
        return TOD_DAMAGED_RAW_BITS;
    nodes->n = 0;
    nodes->nodes = tod_arena_take(scratch, (size_t)rows * (size_t)columns, sizeof *nodes->nodes);
    for (int32_t row = 0; nodes->nodes && row < rows; row++)
        for (int32_t column = 0; column < columns; column++)
            if (tod_next_flag(bits))
                nodes->nodes[nodes->n++] = (Node){(uint16_t)row, (uint16_t)column};
    return nodes->nodes ? TOD_OK : TOD_NO_MEMORY;
}

TodStatus tod_read_plain_mask(TodRawBits *bits, int32_t height, int32_t width, TodArena *scratch, uint8_t *valid)
{
    const size_t columns = (size_t)width;
    Nodes nodes;
    TodStatus status = read_squares(bits, height, width, scratch, &nodes);
    for (int level = N_LEVELS - 2; level >= 0 && status == TOD_OK; level--) {
        uint8_t *parts = tod_arena_take(scratch, nodes.n, 1);
        if (!parts)
            return TOD_NO_MEMORY;
        const Nodes here = {read_parts(bits, level, height, width, &nodes, parts), NULL};
        if (bits->position > bits->n_bits)
            return TOD_DAMAGED_RAW_BITS;
        Node *kept = tod_arena_take(scratch, here.n, sizeof *kept);
        if (!kept)
            return TOD_NO_MEMORY;
        keep_parts(&nodes, parts, level, kept);
        nodes = (Nodes){here.n, kept};
    }
    if (status != TOD_OK)
        return status;
    memset(valid, 0, (size_t)height * columns);
    for (size_t i = 0; i < nodes.n; i++)
        valid[nodes.nodes[i].row * columns + nodes.nodes[i].column] = 1;
    for (int32_t y = 0; y < height; y++) {
        uint8_t *row = valid + (size_t)y * columns, inside = 0;
        const uint8_t *above = y ? row - columns : NULL;
        for (size_t x = 0; x < columns; x++) {
            inside ^= row[x];
            row[x] = inside ^ (above ? above[x] : 0);
        }
    }
    return TOD_OK;
}
