#include "standard_graph.h"

#include <math.h>
#include <string.h>

#define DAY_H 24.0f
#define HIGHEST_CODE 255.0f

/* clang-format off */
/* Values of the standard graph: what is fed, initializers, and what nodes make. */
typedef enum Value {
    NONE, Z, TIME_H, FIRST, STEPS, GRID,
    HOURS, GAPS, ZERO, ONE, DAY, START, KNEE, LOWEST, HIGHEST, AXIS_0, FROM, MIDDLE, MIDDLE_END, TO, MATRIX_SHAPE,
    OFFSET_SHAPE, COLUMNS_SHAPE, SPATIAL_START, SPATIAL_END, THREE,
    IS_EARLY, EARLY, SHIFT, TIME, SINCE, PROGRESS, U, REST, PRODUCT, E, F, RAMPS, ROW, CHANGE, MOVED, IN_STEPS, WHOLE,
    AFFINE, A, B, MATRIX, OFFSET, COLUMNS, VALUES, GROWN, SHIFTED, ROOT, CURVED, Z_SHAPE, SIZE, RGB_SHAPE, RGB, ROUNDED,
    CLIPPED, CODE_PLANES, CODE_TEXELS, CODES_SHAPE, CODES,
    N_VALUES
} Value;
/* clang-format on */

typedef struct Equation {
    uint8_t output;
    const char *op;
    uint8_t inputs[TOD_MAX_NODE_INPUTS];
    const char *attribute;
    TodNumbers value;
} Equation;

#define N_OF(equations) (sizeof(equations) / sizeof *(equations))

/* From the outputs to what is fed, so that an output's name is known before its node is looked for. */
static const Equation PLAIN[] = {{RGB, "Reshape", {VALUES, RGB_SHAPE}, NULL, {0}}};
static const Equation SQUARE[] = {{RGB, "Reshape", {CURVED, RGB_SHAPE}, NULL, {0}},
                                  {CURVED, "Mul", {ROOT, ROOT}, NULL, {0}},
                                  {ROOT, "Relu", {VALUES}, NULL, {0}}};
static const Equation EXP[] = {{RGB, "Reshape", {CURVED, RGB_SHAPE}, NULL, {0}},
                               {CURVED, "Relu", {SHIFTED}, NULL, {0}},
                               {SHIFTED, "Sub", {GROWN, KNEE}, NULL, {0}},
                               {GROWN, "Exp", {VALUES}, NULL, {0}}};
static const Equation CODED[] = {{CODES, "Reshape", {CODE_TEXELS, CODES_SHAPE}, NULL, {0}},
                                 {CODES_SHAPE, "Concat", {SIZE, THREE}, "axis", {1, {0}}},
                                 {CODE_TEXELS, "Transpose", {CODE_PLANES}, "perm", {2, {1, 0}}},
                                 {CODE_PLANES, "Cast", {CLIPPED}, "to", {1, {TOD_ONNX_UINT8}}},
                                 {CLIPPED, "Clip", {ROUNDED, LOWEST, HIGHEST}, NULL, {0}},
                                 {ROUNDED, "Round", {CURVED}, NULL, {0}}};
static const Equation AFFINE_FRAME[] = {{RGB_SHAPE, "Concat", {THREE, SIZE}, "axis", {1, {0}}},
                                        {SIZE, "Slice", {Z_SHAPE, SPATIAL_START, SPATIAL_END}, NULL, {0}},
                                        {Z_SHAPE, "Shape", {Z}, NULL, {0}},
                                        {VALUES, "Gemm", {MATRIX, COLUMNS, OFFSET}, NULL, {0}},
                                        {COLUMNS, "Reshape", {Z, COLUMNS_SHAPE}, NULL, {0}},
                                        {MATRIX, "Reshape", {A, MATRIX_SHAPE}, NULL, {0}},
                                        {A, "Slice", {AFFINE, FROM, MIDDLE_END}, NULL, {0}},
                                        {OFFSET, "Reshape", {B, OFFSET_SHAPE}, NULL, {0}},
                                        {B, "Slice", {AFFINE, MIDDLE, TO}, NULL, {0}},
                                        {AFFINE, "Mul", {WHOLE, GRID}, NULL, {0}},
                                        {WHOLE, "Round", {IN_STEPS}, NULL, {0}},
                                        {IN_STEPS, "Div", {MOVED, GRID}, NULL, {0}},
                                        {MOVED, "Add", {CHANGE, FIRST}, NULL, {0}},
                                        {CHANGE, "MatMul", {ROW, STEPS}, NULL, {0}},
                                        {ROW, "Unsqueeze", {RAMPS, AXIS_0}, NULL, {0}},
                                        {RAMPS, "Concat", {U, E, F}, "axis", {1, {0}}},
                                        {F, "Mul", {PRODUCT, U}, NULL, {0}},
                                        {E, "Mul", {PRODUCT, REST}, NULL, {0}},
                                        {PRODUCT, "Mul", {U, REST}, NULL, {0}},
                                        {REST, "Sub", {ONE, U}, NULL, {0}},
                                        {U, "Clip", {PROGRESS, ZERO, ONE}, NULL, {0}},
                                        {PROGRESS, "Div", {SINCE, GAPS}, NULL, {0}},
                                        {SINCE, "Sub", {TIME, HOURS}, NULL, {0}},
                                        {TIME, "Add", {TIME_H, SHIFT}, NULL, {0}},
                                        {SHIFT, "Mul", {EARLY, DAY}, NULL, {0}},
                                        {EARLY, "Cast", {IS_EARLY}, "to", {1, {TOD_ONNX_FLOAT}}},
                                        {IS_EARLY, "Less", {TIME_H, START}, NULL, {0}}};

/* Names that the graph has for the standard's values; without bytes where it is not known yet. */
typedef struct Match {
    const TodGraph *graph;
    TodBytes names[N_VALUES];
    int32_t n_used;
    uint8_t is_used[TOD_MAX_NODES];
} Match;

static int has_attribute(const TodNode *node, const Equation *equation)
{
    const TodNumbers *found = &node->value, *expected = &equation->value;
    if (!tod_is_name(node->attribute, equation->attribute ? equation->attribute : "") || found->n != expected->n ||
        node->is_list != (expected->n > 1))
        return 0;
    for (int32_t i = 0; i < expected->n; i++)
        if (found->values[i] != expected->values[i])
            return 0;
    return 1;
}

/* Take the node that makes an equation's output, if it is that equation. */
static int take_node(Match *match, const Equation *equation)
{
    const TodGraph *graph = match->graph;
    int32_t i = 0, n_inputs = 0;
    while (i < graph->n_nodes && !tod_is_same(graph->nodes[i].output, match->names[equation->output]))
        i++;
    if (i == graph->n_nodes || match->is_used[i])
        return 0;
    const TodNode *node = &graph->nodes[i];
    match->is_used[i] = 1;
    match->n_used++;
    while (n_inputs < TOD_MAX_NODE_INPUTS && equation->inputs[n_inputs] != NONE)
        n_inputs++;
    if (!tod_is_name(node->op, equation->op) || node->n_inputs != n_inputs || !has_attribute(node, equation))
        return 0;
    for (int32_t j = 0; j < n_inputs; j++) {
        TodBytes *name = &match->names[equation->inputs[j]];
        if (node->inputs[j].n == 0 || (name->n && !tod_is_same(*name, node->inputs[j])))
            return 0;
        *name = node->inputs[j];
    }
    return 1;
}

static int take_nodes(Match *match, const Equation *equations, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!take_node(match, &equations[i]))
            return 0;
    return 1;
}

/* Whether a name is that of an input or initializer, or of one of the first n nodes; how often. */
static int32_t count_name(const TodGraph *graph, TodBytes name, int32_t n)
{
    int32_t count = 0;
    for (int32_t i = 0; i < graph->n_inputs; i++)
        count += tod_is_same(graph->inputs[i].name, name);
    for (int32_t i = 0; i < graph->n_constants; i++)
        count += tod_is_same(graph->constants[i].name, name);
    for (int32_t i = 0; i < n; i++)
        count += tod_is_same(graph->nodes[i].output, name);
    return count;
}

/* Every value is made once, before it is used. */
static int is_in_order(const TodGraph *graph)
{
    for (int32_t i = 0; i < graph->n_nodes; i++) {
        if (count_name(graph, graph->nodes[i].output, i) != 0)
            return 0;
        for (int32_t j = 0; j < graph->nodes[i].n_inputs; j++)
            if (count_name(graph, graph->nodes[i].inputs[j], i) != 1)
                return 0;
    }
    for (int32_t i = 0; i < graph->n_inputs; i++)
        if (count_name(graph, graph->inputs[i].name, 0) != 1)
            return 0;
    for (int32_t i = 0; i < graph->n_constants; i++)
        if (count_name(graph, graph->constants[i].name, 0) != 1)
            return 0;
    return 1;
}

/* Inputs by their names, float32, of shapes that agree with what is fed. */
static int has_inputs(Match *match, int32_t n_maps, int32_t n_hours)
{
    static const char *const NAMES[] = {"z", "time_h", "first", "steps", "grid"};
    const int64_t n_columns = 3 * (int64_t)n_maps + 3;
    const TodNumbers shapes[] = {
        {3, {n_maps, -1, -1}}, {1, {1}}, {2, {1, n_columns}}, {2, {3 * (int64_t)n_hours, n_columns}}, {1, {n_columns}}};
    for (int32_t i = 0; i < match->graph->n_inputs; i++) {
        const TodInput *input = &match->graph->inputs[i];
        int32_t j = 0;
        while (j < 5 && !tod_is_name(input->name, NAMES[j]))
            j++;
        if (j == 5 || input->type != TOD_ONNX_FLOAT || input->shape.n != shapes[j].n)
            return 0;
        for (int32_t k = 0; k < input->shape.n; k++)
            if (input->shape.values[k] != -1 && input->shape.values[k] != shapes[j].values[k])
                return 0;
        match->names[Z + j] = input->name;
    }
    return match->graph->n_inputs == 5;
}

/* Outputs by their names: rgb and affine, and codes or not. */
static int has_outputs(Match *match)
{
    const TodGraph *graph = match->graph;
    for (int32_t i = 0; i < graph->n_outputs; i++) {
        const Value value = tod_is_name(graph->outputs[i], "rgb")      ? RGB
                            : tod_is_name(graph->outputs[i], "affine") ? AFFINE
                            : tod_is_name(graph->outputs[i], "codes")  ? CODES
                                                                       : NONE;
        if (value == NONE || match->names[value].n)
            return 0;
        match->names[value] = graph->outputs[i];
    }
    return match->names[RGB].n && match->names[AFFINE].n;
}

static const TodConstant *constant_of(const Match *match, Value value, int64_t type)
{
    for (int32_t i = 0; i < match->graph->n_constants; i++)
        if (tod_is_same(match->graph->constants[i].name, match->names[value]))
            return match->graph->constants[i].type == type ? &match->graph->constants[i] : NULL;
    return NULL;
}

static uint64_t little_endian(const uint8_t *data, int n)
{
    uint64_t value = 0;
    while (n--)
        value = value << 8 | data[n];
    return value;
}

static float float_at(const TodConstant *constant, int32_t i)
{
    const uint32_t bits = (uint32_t)little_endian(constant->data.data + 4 * (size_t)i, 4);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static int is_scalar(const Match *match, Value value, float expected)
{
    const TodConstant *constant = constant_of(match, value, TOD_ONNX_FLOAT);
    return constant && constant->shape.n <= 1 && constant->data.n == 4 && float_at(constant, 0) == expected;
}

static int is_list(const Match *match, Value value, TodNumbers expected)
{
    const TodConstant *constant = constant_of(match, value, TOD_ONNX_INT64);
    if (!constant || constant->shape.n != 1 || constant->shape.values[0] != expected.n)
        return 0;
    for (int32_t i = 0; i < expected.n; i++)
        if ((int64_t)little_endian(constant->data.data + 8 * (size_t)i, 8) != expected.values[i])
            return 0;
    return 1;
}

static int has_lists(const Match *match, int64_t n)
{
    return is_list(match, AXIS_0, (TodNumbers){1, {0}}) && is_list(match, FROM, (TodNumbers){2, {0, 0}}) &&
           is_list(match, MIDDLE, (TodNumbers){2, {0, 3 * n}}) &&
           is_list(match, MIDDLE_END, (TodNumbers){2, {1, 3 * n}}) &&
           is_list(match, TO, (TodNumbers){2, {1, 3 * n + 3}}) &&
           is_list(match, MATRIX_SHAPE, (TodNumbers){2, {3, n}}) &&
           is_list(match, OFFSET_SHAPE, (TodNumbers){2, {3, 1}}) &&
           is_list(match, COLUMNS_SHAPE, (TodNumbers){2, {n, -1}}) &&
           is_list(match, SPATIAL_START, (TodNumbers){1, {1}}) && is_list(match, SPATIAL_END, (TodNumbers){1, {3}}) &&
           is_list(match, THREE, (TodNumbers){1, {3}});
}

/* The stored times, and from each to the next, as float32. */
static int has_times(const Match *match, const double *hours, int32_t n)
{
    const TodConstant *times = constant_of(match, HOURS, TOD_ONNX_FLOAT),
                      *gaps = constant_of(match, GAPS, TOD_ONNX_FLOAT);
    if (!times || !gaps || times->shape.n != 1 || times->shape.values[0] != n || gaps->shape.n != 1 ||
        gaps->shape.values[0] != n)
        return 0;
    for (int32_t i = 0; i < n; i++) {
        const float time = (float)hours[i], next = i + 1 < n ? (float)hours[i + 1] : (float)hours[0] + DAY_H;
        if (float_at(times, i) != time || float_at(gaps, i) != next - time)
            return 0;
    }
    return is_scalar(match, START, (float)hours[0]) && is_scalar(match, DAY, DAY_H) && is_scalar(match, ZERO, 0.0f) &&
           is_scalar(match, ONE, 1.0f);
}

/* The nodes of one curve, and all the others. */
static int has_nodes(Match *match, TodCurve curve)
{
    const Equation *const equations[] = {PLAIN, SQUARE, EXP};
    static const uint8_t COUNTS[] = {N_OF(PLAIN), N_OF(SQUARE), N_OF(EXP)};
    if (!take_nodes(match, equations[curve], COUNTS[curve]))
        return 0;
    if (curve == TOD_CURVE_NONE)
        match->names[CURVED] = match->names[VALUES];
    return (!match->names[CODES].n || take_nodes(match, CODED, N_OF(CODED))) &&
           take_nodes(match, AFFINE_FRAME, N_OF(AFFINE_FRAME)) && match->n_used == match->graph->n_nodes;
}

int tod_is_standard_graph(const TodGraph *graph, int32_t n_maps, const double *hours, int32_t n_hours, TodCurve *curve,
                          float *knee)
{
    Match start = {graph, {{NULL, 0}}, 0, {0}}, match;
    if (!is_in_order(graph) || !has_inputs(&start, n_maps, n_hours) || !has_outputs(&start))
        return 0;
    for (int one = TOD_CURVE_NONE; one <= TOD_CURVE_EXP; one++) {
        match = start;
        if (!has_nodes(&match, (TodCurve)one))
            continue;
        *curve = (TodCurve)one;
        *knee = 0.0f;
        if (one == TOD_CURVE_EXP) {
            const TodConstant *constant = constant_of(&match, KNEE, TOD_ONNX_FLOAT);
            if (!constant || constant->shape.n > 1 || constant->data.n != 4 || !isfinite(float_at(constant, 0)))
                return 0;
            *knee = float_at(constant, 0);
        }
        return has_lists(&match, n_maps) && has_times(&match, hours, n_hours) &&
               (!match.names[CODES].n || (is_scalar(&match, LOWEST, 0.0f) && is_scalar(&match, HIGHEST, HIGHEST_CODE)));
    }
    return 0;
}
