/**
 * The archive's graph `frame`, as the page writer took it apart: steps that depend on time alone are computed here,
 * once per time; steps per texel run here for one texel (the plot) and as a shader for all (shader.js).
 * All arithmetic is float32, as in the decoder.
 */

const f32 = Math.fround;

const UNARY = {
  relu: (x) => Math.max(x, 0),
  sin: Math.sin,
  cos: Math.cos,
  exp: Math.exp,
  round: roundHalfEven,
  floor: Math.floor,
  copy: (x) => x,
};

const BINARY = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: Math.min,
  less: (a, b) => (a < b ? 1 : 0),
};

function size(shape) {
  return shape.reduce((product, side) => product * side, 1);
}

/** Steps through an operand of `shape` while the output of `outShape` is filled in order (NumPy's broadcasting). */
function broadcastIndex(shape, outShape) {
  const index = new Int32Array(size(outShape));
  const missing = outShape.length - shape.length;
  const strides = new Array(outShape.length).fill(0);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis + missing] = shape[axis] === 1 ? 0 : stride;
    stride *= shape[axis];
  }
  for (let at = 0; at < index.length; at++) {
    let rest = at;
    for (let axis = outShape.length - 1; axis >= 0; axis--) {
      index[at] += (rest % outShape[axis]) * strides[axis];
      rest = Math.floor(rest / outShape[axis]);
    }
  }
  return index;
}

function multiply(step, [a, b, bias]) {
  const [flipA, flipB] = step.flips;
  const [rows, columns] = step.shape;
  const inner = flipA ? a.shape[0] : a.shape[1];
  const out = new Float32Array(rows * columns);
  const biasIndex = bias ? step.biasIndex : null;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      let sum = bias ? bias.data[biasIndex[r * columns + c]] : 0;
      for (let i = 0; i < inner; i++) {
        const left = a.data[flipA ? i * rows + r : r * inner + i];
        const right = b.data[flipB ? c * inner + i : i * columns + c];
        sum += left * right;
      }
      out[r * columns + c] = sum;
    }
  }
  return out;
}

class Program {
  constructor(description, constants) {
    this.timeSteps = description.time;
    this.texelSteps = description.texel;
    this.result = description.result;
    this.constants = constants;
    const shapes = new Map([["time_h", [1]]]);
    for (const [name, value] of constants) shapes.set(name, value.shape);
    for (const step of this.timeSteps) {
      shapes.set(step.out, step.shape);
      const inputs = step.inputs.map((name) => shapes.get(name));
      if (step.op in BINARY) step.indices = inputs.map((shape) => broadcastIndex(shape, step.shape));
      if (step.op === "matmul" && inputs.length > 2) step.biasIndex = broadcastIndex(inputs[2], step.shape);
    }
  }

  /** All values that depend on time alone, with the constants, by name. */
  valuesAt(hour) {
    const values = new Map(this.constants);
    values.set("time_h", { shape: [1], data: Float32Array.of(hour) });
    for (const step of this.timeSteps) {
      const inputs = step.inputs.map((name) => values.get(name));
      values.set(step.out, { shape: step.shape, data: this.#compute(step, inputs) });
    }
    return values;
  }

  #compute(step, inputs) {
    const [a, b] = inputs;
    if (step.op === "matmul") return multiply(step, inputs);
    if (step.op === "take") {
      const all = Float32Array.from(inputs.flatMap((value) => Array.from(value.data)));
      return Float32Array.from(step.index, (i) => all[i]);
    }
    if (step.op === "clip") return a.data.map((x) => Math.min(Math.max(x, step.low), step.high));
    if (step.op in BINARY) {
      const [ia, ib] = step.indices;
      const combine = BINARY[step.op];
      return Float32Array.from(ia, (_, i) => combine(a.data[ia[i]], b.data[ib[i]]));
    }
    return a.data.map(UNARY[step.op]);
  }

  /** RGB of one texel from its latents and `valuesAt` of a time. */
  texel(latents, values) {
    const found = new Map([["z", latents]]);
    const operand = (step, i) =>
      (step.texel ? step.texel[i] : true) ? found.get(step.inputs[i]) : values.get(step.inputs[i]).data;
    for (const step of this.texelSteps) found.set(step.out, this.#texelStep(step, operand));
    return found.get(this.result);
  }

  #texelStep(step, operand) {
    const out = new Float32Array(step.n);
    if (step.op === "linear") {
      const matrix = operand(step, 0);
      const x = operand(step, 1);
      const bias = step.inputs.length > 2 ? operand(step, 2) : null;
      for (let row = 0; row < step.n; row++) {
        let sum = bias ? bias[bias.length === 1 ? 0 : row] : 0;
        for (let i = 0; i < x.length; i++) sum += matrix[row * x.length + i] * x[i];
        out[row] = sum;
      }
    } else if (step.op === "slice") {
      out.set(operand(step, 0).subarray(step.start, step.end));
    } else if (step.op === "concat") {
      let at = 0;
      step.inputs.forEach((_, i) => {
        out.set(operand(step, i), at);
        at += operand(step, i).length;
      });
    } else if (step.op in BINARY) {
      const [a, b] = [operand(step, 0), operand(step, 1)];
      for (let i = 0; i < step.n; i++) {
        out[i] = BINARY[step.op](a[a.length === 1 ? 0 : i], b[b.length === 1 ? 0 : i]);
      }
    } else if (step.op === "clip") {
      const x = operand(step, 0);
      for (let i = 0; i < step.n; i++) out[i] = Math.min(Math.max(x[i], step.low), step.high);
    } else {
      const x = operand(step, 0);
      for (let i = 0; i < step.n; i++) out[i] = f32(UNARY[step.op](x[i]));
    }
    return out;
  }
}
