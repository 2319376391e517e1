/* An ONNX model's bytes as nodes, initializers, inputs and outputs: a strict reader of as much as the standard graph
   `frame` has. FORMAT.md "Graphs". */
#ifndef TOD_GRAPH_H
#define TOD_GRAPH_H

#include "error.h"
#include "unzstd.h"

#define TOD_MAX_RANK 8
#define TOD_MAX_NODE_INPUTS 3
#define TOD_MAX_NODES 48
#define TOD_MAX_CONSTANTS 40
#define TOD_MAX_INPUTS 8

enum { TOD_ONNX_FLOAT = 1, TOD_ONNX_UINT8 = 2, TOD_ONNX_INT64 = 7 };

/* Numbers in a row, such as a shape. */
typedef struct TodNumbers {
    int32_t n;
    int64_t values[TOD_MAX_RANK];
} TodNumbers;

typedef struct TodNode {
    TodBytes op, output, inputs[TOD_MAX_NODE_INPUTS];
    int32_t n_inputs;
    TodBytes attribute; /* its only one; no bytes for none */
    TodNumbers value;   /* of the attribute */
    int is_list;        /* whether it holds several */
} TodNode;

typedef struct TodConstant {
    TodBytes name, data;
    int64_t type;
    TodNumbers shape;
} TodConstant;

typedef struct TodInput {
    TodBytes name;
    int64_t type;
    TodNumbers shape; /* -1 where a dimension is left open */
} TodInput;

typedef struct TodGraph {
    int32_t n_nodes, n_constants, n_inputs, n_outputs;
    TodNode nodes[TOD_MAX_NODES];
    TodConstant constants[TOD_MAX_CONSTANTS];
    TodInput inputs[TOD_MAX_INPUTS];
    TodBytes outputs[TOD_MAX_INPUTS];
} TodGraph;

int tod_is_name(TodBytes bytes, const char *name);
int tod_is_same(TodBytes a, TodBytes b);

/* Read a serialized ModelProto; what it points to lies in the model. 0: it is no model, has something that is not
   allowed, or more than the standard graph has. */
int tod_read_graph(TodBytes model, TodGraph *graph);

#endif
