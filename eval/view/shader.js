/** Turns the steps per texel into GLSL, and lays out what they take from the time as texels of one float texture. */

const TABLE_WIDTH = 1024; // texels of RGBA
const MAX_SMALL = 192; // a table that fits into the uniforms that every device has

const quarters = (n) => Math.ceil(n / 4);
const lane = (name, i) => `${name}[${i >> 2}].${"xyzw"[i & 3]}`;
const literal = (x) => (/[.e]/.test(x) ? `${x}` : `${x}.0`);

const GLSL_UNARY = {
  relu: (x) => `max(${x}, 0.0)`,
  round: (x) => `roundEven(${x})`,
};
const GLSL_BINARY = { add: "+", sub: "-", mul: "*", div: "/" };

class ShaderBuilder {
  constructor(program, channels) {
    this.program = program;
    this.size = 0;
    this.places = [];
    this.names = new Map([["z", "z"]]);
    this.lengths = new Map([["z", channels]]);
    this.lines = [];
    program.texelSteps.forEach((step, i) => this.#step(step, `v${i}`));
    this.result = this.names.get(program.result);
  }

  get body() {
    return this.lines.join("\n  ");
  }

  #place(name, kind, rows, columns) {
    const start = this.size;
    this.size += kind === "matrix" ? 4 * quarters(rows) * quarters(columns) : quarters(rows);
    this.places.push({ name, kind, rows, columns, start });
    return start;
  }

  #operand(step, i, index) {
    const name = step.inputs[i];
    if (!step.texel || step.texel[i]) return `${this.names.get(name)}[${index}]`;
    return `table(${this.#place(name, "vector", step.n, 1)} + ${index})`;
  }

  #step(step, name) {
    const n = quarters(step.n);
    this.lengths.set(step.out, step.n);
    if (step.op === "copy") {
      this.names.set(step.out, this.names.get(step.inputs[0]));
      return;
    }
    this.names.set(step.out, name);
    this.lines.push(`vec4 ${name}[${n}];`);
    const each = (expression) => this.lines.push(`for (int i = 0; i < ${n}; i++) ${name}[i] = ${expression};`);
    if (step.op === "linear") this.#linear(step, name, n);
    else if (step.op === "slice" || step.op === "concat") this.#move(step, name);
    else if (step.op in GLSL_BINARY) {
      each(`${this.#operand(step, 0, "i")} ${GLSL_BINARY[step.op]} ${this.#operand(step, 1, "i")}`);
    } else if (step.op === "min") {
      each(`min(${this.#operand(step, 0, "i")}, ${this.#operand(step, 1, "i")})`);
    } else if (step.op === "clip") {
      each(`clamp(${this.#operand(step, 0, "i")}, ${literal(step.low)}, ${literal(step.high)})`);
    } else {
      const x = this.#operand(step, 0, "i");
      each(step.op in GLSL_UNARY ? GLSL_UNARY[step.op](x) : `${step.op}(${x})`);
    }
  }

  #linear(step, name, n) {
    const inner = this.lengths.get(step.inputs[1]);
    const columns = quarters(inner);
    const start = this.#place(step.inputs[0], "matrix", step.n, inner);
    const x = this.names.get(step.inputs[1]);
    const bias = step.inputs.length > 2 ? this.#operand(step, 2, "o") : "vec4(0.0)";
    this.lines.push(
      `for (int o = 0; o < ${n}; o++) {`,
      `  vec4 sum = ${bias};`,
      `  for (int i = 0; i < ${columns}; i++) {`,
      `    int at = ${start} + 4 * (o * ${columns} + i);`,
      `    sum += table(at) * ${x}[i].x + table(at + 1) * ${x}[i].y + table(at + 2) * ${x}[i].z + table(at + 3) * ${x}[i].w;`,
      "  }",
      `  ${name}[o] = sum;`,
      "}",
    );
  }

  #move(step, name) {
    let to = 0;
    for (const input of step.inputs) {
      const start = step.op === "slice" ? step.start : 0;
      const end = step.op === "slice" ? step.end : this.lengths.get(input);
      for (let i = start; i < end; i++) this.lines.push(`${lane(name, to++)} = ${lane(this.names.get(input), i)};`);
    }
    for (; to % 4; to++) this.lines.push(`${lane(name, to)} = 0.0;`);
  }

  /** The float texture's content for the values of a time; 4 rows x 4 columns of a matrix are 4 texels, by columns. */
  fill(table, values) {
    for (const { name, kind, rows, columns, start } of this.places) {
      const { data } = values.get(name);
      if (kind === "vector") {
        for (let i = 0; i < rows; i++) table[4 * start + i] = data[data.length === 1 ? 0 : i];
        continue;
      }
      const blocks = quarters(columns);
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < columns; c++) {
          table[4 * (start + 4 * ((r >> 2) * blocks + (c >> 2)) + (c & 3)) + (r & 3)] = data[r * columns + c];
        }
      }
    }
  }
}
