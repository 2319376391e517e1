#include "graph.h"

#include <string.h>

#include "utf8.h"

#define OPSET 17
#define IR_VERSION 8
#define MAX_NAME_BYTES 255
#define MAX_FIELD 20

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* What a field of a message holds. */
typedef enum Kind { NOT_ALLOWED, NUMBER, TEXT, NUMBERS, REPEATED } Kind;
typedef const uint8_t Fields[MAX_FIELD + 1];

/* Field numbers. Source: onnx.proto. */
enum { MODEL_IR_VERSION = 1, MODEL_GRAPH = 7, MODEL_OPSET = 8, OPSET_DOMAIN = 1, OPSET_VERSION = 2 };
enum { GRAPH_NODE = 1, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_OP = 4, NODE_ATTRIBUTE = 5, NODE_DOMAIN = 7 };
enum { ATTRIBUTE_NAME = 1, ATTRIBUTE_I = 3, ATTRIBUTE_INTS = 8, ATTRIBUTE_TYPE = 20, TYPE_INT = 2, TYPE_INTS = 7 };
enum { TENSOR_DIMS = 1, TENSOR_TYPE = 2, TENSOR_NAME = 8, TENSOR_DATA = 9 };
enum {
    INFO_NAME = 1,
    INFO_TYPE = 2,
    TYPE_TENSOR = 1,
    TENSOR_ELEMENT = 1,
    TENSOR_SHAPE = 2,
    SHAPE_DIM = 1,
    DIM_VALUE = 1
};

static Fields MODEL = {
    [MODEL_IR_VERSION] = NUMBER, [2] = TEXT, [3] = TEXT, [MODEL_GRAPH] = REPEATED, [MODEL_OPSET] = REPEATED};
static Fields OPSET_ID = {[OPSET_DOMAIN] = TEXT, [OPSET_VERSION] = NUMBER};
static Fields GRAPH = {[GRAPH_NODE] = REPEATED,
                       [2] = TEXT,
                       [GRAPH_INITIALIZER] = REPEATED,
                       [GRAPH_INPUT] = REPEATED,
                       [GRAPH_OUTPUT] = REPEATED};
static Fields NODE = {[NODE_INPUT] = REPEATED, [NODE_OUTPUT] = REPEATED,    [3] = TEXT,
                      [NODE_OP] = TEXT,        [NODE_ATTRIBUTE] = REPEATED, [NODE_DOMAIN] = TEXT};
static Fields ATTRIBUTE = {
    [ATTRIBUTE_NAME] = TEXT, [ATTRIBUTE_I] = NUMBER, [ATTRIBUTE_INTS] = NUMBERS, [ATTRIBUTE_TYPE] = NUMBER};
static Fields TENSOR = {[TENSOR_DIMS] = NUMBERS, [TENSOR_TYPE] = NUMBER, [TENSOR_NAME] = TEXT, [TENSOR_DATA] = TEXT};
static Fields VALUE_INFO = {[INFO_NAME] = TEXT, [INFO_TYPE] = TEXT};
static Fields TYPE = {[TYPE_TENSOR] = TEXT};
static Fields TENSOR_KIND = {[TENSOR_ELEMENT] = NUMBER, [TENSOR_SHAPE] = TEXT};
static Fields SHAPE = {[SHAPE_DIM] = REPEATED};
static Fields DIM = {[DIM_VALUE] = NUMBER, [2] = TEXT};

/* A message that was checked against its table. */
typedef struct Message {
    TodBytes data;
    uint32_t seen; /* bit n: field n */
    int64_t numbers[MAX_FIELD + 1];
    TodBytes texts[MAX_FIELD + 1];
    TodNumbers list; /* no message has two */
} Message;

typedef struct Field {
    uint64_t number;
    int wire;
    uint64_t value;
    TodBytes bytes;
} Field;

static int read_varint(TodBytes *rest, uint64_t *value)
{
    *value = 0;
    for (int shift = 0; shift < 70 && rest->n; shift += 7) {
        const uint8_t byte = *rest->data;
        rest->data++;
        rest->n--;
        *value |= shift < 64 ? (uint64_t)(byte & 0x7F) << shift : 0;
        if (byte < 0x80)
            return 1;
    }
    return 0;
}

/* The next field: 1, or 0 where it is cut short or of a wire type that is not known. */
static int next_field(TodBytes *rest, Field *field)
{
    uint64_t tag, n = 0;
    if (!read_varint(rest, &tag))
        return 0;
    field->number = tag >> 3;
    field->wire = (int)(tag & 7);
    if (field->wire == WIRE_VARINT)
        return read_varint(rest, &field->value);
    if (field->wire == WIRE_BYTES) {
        if (!read_varint(rest, &n))
            return 0;
    } else if (field->wire == WIRE_FIXED32 || field->wire == WIRE_FIXED64) {
        n = field->wire == WIRE_FIXED32 ? 4 : 8;
    } else {
        return 0;
    }
    if (n > rest->n)
        return 0;
    field->bytes = (TodBytes){rest->data, (size_t)n};
    rest->data += n;
    rest->n -= (size_t)n;
    return 1;
}

static int add_number(TodNumbers *numbers, uint64_t value)
{
    if (numbers->n == TOD_MAX_RANK)
        return 0;
    numbers->values[numbers->n++] = (int64_t)value;
    return 1;
}

static int add_numbers(TodNumbers *numbers, const Field *field)
{
    if (field->wire == WIRE_VARINT)
        return add_number(numbers, field->value);
    if (field->wire != WIRE_BYTES)
        return 0;
    for (TodBytes rest = field->bytes; rest.n;) {
        uint64_t value;
        if (!read_varint(&rest, &value) || !add_number(numbers, value))
            return 0;
    }
    return 1;
}

static int check_message(TodBytes data, Fields fields, Message *message)
{
    memset(message, 0, sizeof *message);
    message->data = data;
    for (TodBytes rest = data; rest.n;) {
        Field field;
        if (!next_field(&rest, &field) || field.number > MAX_FIELD)
            return 0;
        const Kind kind = (Kind)fields[field.number];
        const uint32_t bit = 1u << field.number;
        if (kind == NOT_ALLOWED || (kind == NUMBER && field.wire != WIRE_VARINT) ||
            ((kind == TEXT || kind == REPEATED) && field.wire != WIRE_BYTES))
            return 0;
        if ((kind == NUMBER || kind == TEXT) && message->seen & bit)
            return 0;
        if (kind == NUMBERS && !add_numbers(&message->list, &field))
            return 0;
        if (kind == NUMBER)
            message->numbers[field.number] = (int64_t)field.value;
        if (kind == TEXT)
            message->texts[field.number] = field.bytes;
        message->seen |= bit;
    }
    return 1;
}

/* The next of a repeated field, in a message that was checked. */
static int next_of(const Message *message, uint64_t number, TodBytes *rest, TodBytes *bytes)
{
    Field field;
    if (!rest->data)
        *rest = message->data;
    while (rest->n && next_field(rest, &field)) {
        if (field.number != number)
            continue;
        *bytes = field.bytes;
        return 1;
    }
    return 0;
}

static int is_text(TodBytes text)
{
    for (size_t at = 0, n; at < text.n; at += n)
        if ((n = tod_utf8_bytes(text.data + at, text.n - at)) == 0)
            return 0;
    return text.n <= MAX_NAME_BYTES;
}

int tod_is_same(TodBytes a, TodBytes b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.data, b.data, a.n) == 0);
}

int tod_is_name(TodBytes bytes, const char *name)
{
    return tod_is_same(bytes, (TodBytes){(const uint8_t *)name, strlen(name)});
}

static int read_attribute(TodBytes data, TodNode *node)
{
    Message message;
    if (!check_message(data, ATTRIBUTE, &message) || node->attribute.n)
        return 0;
    const int has_i = message.seen >> ATTRIBUTE_I & 1, has_ints = message.list.n > 0;
    node->attribute = message.texts[ATTRIBUTE_NAME];
    node->value = message.list;
    if (message.numbers[ATTRIBUTE_TYPE] == TYPE_INT && !has_ints)
        return add_number(&node->value, (uint64_t)message.numbers[ATTRIBUTE_I]);
    node->is_list = 1;
    return message.numbers[ATTRIBUTE_TYPE] == TYPE_INTS && !has_i;
}

static int read_node(TodBytes data, TodNode *node)
{
    Message message;
    TodBytes rest = {NULL, 0}, bytes;
    memset(node, 0, sizeof *node);
    if (!check_message(data, NODE, &message) || message.texts[NODE_DOMAIN].n || !is_text(message.texts[NODE_OP]))
        return 0;
    node->op = message.texts[NODE_OP];
    while (next_of(&message, NODE_INPUT, &rest, &bytes)) {
        if (node->n_inputs == TOD_MAX_NODE_INPUTS || !is_text(bytes))
            return 0;
        node->inputs[node->n_inputs++] = bytes;
    }
    int n_outputs = 0;
    for (rest.data = NULL; next_of(&message, NODE_OUTPUT, &rest, &bytes); n_outputs++)
        node->output = bytes;
    for (rest.data = NULL; next_of(&message, NODE_ATTRIBUTE, &rest, &bytes);)
        if (!read_attribute(bytes, node))
            return 0;
    return n_outputs == 1 && node->output.n && is_text(node->output);
}

static int read_constant(TodBytes data, TodConstant *constant)
{
    Message message;
    if (!check_message(data, TENSOR, &message) || !is_text(message.texts[TENSOR_NAME]))
        return 0;
    *constant = (TodConstant){message.texts[TENSOR_NAME], message.texts[TENSOR_DATA], message.numbers[TENSOR_TYPE],
                              message.list};
    uint64_t n_bytes = constant->type == TOD_ONNX_FLOAT ? 4 : constant->type == TOD_ONNX_INT64 ? 8 : 0;
    for (int32_t i = 0; i < constant->shape.n; i++) {
        if (constant->shape.values[i] < 1 || constant->shape.values[i] > INT32_MAX || n_bytes > INT32_MAX)
            return 0;
        n_bytes *= (uint64_t)constant->shape.values[i];
    }
    return n_bytes > 0 && n_bytes == constant->data.n;
}

static int read_info(TodBytes data, TodInput *input)
{
    Message message, type, kind, shape, dim;
    TodBytes rest = {NULL, 0}, bytes;
    memset(input, 0, sizeof *input);
    if (!check_message(data, VALUE_INFO, &message) || !check_message(message.texts[INFO_TYPE], TYPE, &type) ||
        !check_message(type.texts[TYPE_TENSOR], TENSOR_KIND, &kind) || !(kind.seen >> TENSOR_SHAPE & 1) ||
        !check_message(kind.texts[TENSOR_SHAPE], SHAPE, &shape) || !is_text(message.texts[INFO_NAME]))
        return 0;
    input->name = message.texts[INFO_NAME];
    input->type = kind.numbers[TENSOR_ELEMENT];
    while (next_of(&shape, SHAPE_DIM, &rest, &bytes)) {
        if (!check_message(bytes, DIM, &dim))
            return 0;
        const int64_t size = dim.seen >> DIM_VALUE & 1 ? dim.numbers[DIM_VALUE] : -1;
        if ((dim.seen >> DIM_VALUE & 1 && size < 0) || !add_number(&input->shape, (uint64_t)size))
            return 0;
    }
    return 1;
}

static int is_operator_set(const Message *model)
{
    Message opset;
    TodBytes rest = {NULL, 0}, bytes;
    int n = 0;
    for (; next_of(model, MODEL_OPSET, &rest, &bytes); n++)
        if (!check_message(bytes, OPSET_ID, &opset) || opset.texts[OPSET_DOMAIN].n ||
            opset.numbers[OPSET_VERSION] != OPSET)
            return 0;
    return n == 1;
}

int tod_read_graph(TodBytes data, TodGraph *graph)
{
    Message model, message;
    TodBytes rest = {NULL, 0}, bytes = {NULL, 0};
    TodInput output;
    memset(graph, 0, sizeof *graph);
    if (!check_message(data, MODEL, &model) || model.numbers[MODEL_IR_VERSION] != IR_VERSION ||
        !is_operator_set(&model))
        return 0;
    int n_graphs = 0;
    for (TodBytes found; next_of(&model, MODEL_GRAPH, &rest, &found); n_graphs++)
        bytes = found;
    if (n_graphs != 1 || !check_message(bytes, GRAPH, &message))
        return 0;
    for (rest.data = NULL; next_of(&message, GRAPH_NODE, &rest, &bytes);)
        if (graph->n_nodes == TOD_MAX_NODES || !read_node(bytes, &graph->nodes[graph->n_nodes++]))
            return 0;
    for (rest.data = NULL; next_of(&message, GRAPH_INITIALIZER, &rest, &bytes);)
        if (graph->n_constants == TOD_MAX_CONSTANTS || !read_constant(bytes, &graph->constants[graph->n_constants++]))
            return 0;
    for (rest.data = NULL; next_of(&message, GRAPH_INPUT, &rest, &bytes);)
        if (graph->n_inputs == TOD_MAX_INPUTS || !read_info(bytes, &graph->inputs[graph->n_inputs++]))
            return 0;
    for (rest.data = NULL; next_of(&message, GRAPH_OUTPUT, &rest, &bytes);) {
        if (graph->n_outputs == TOD_MAX_INPUTS || !read_info(bytes, &output))
            return 0;
        graph->outputs[graph->n_outputs++] = output.name;
    }
    return 1;
}
