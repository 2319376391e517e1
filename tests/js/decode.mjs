/** Does what standard input asks for, as JSON: {archive, calls: [[method, ...arguments], ...]}; answers by lines of JSON. */
import { readFileSync } from "node:fs";

const { module, archive, calls, options } = JSON.parse(readFileSync(0, "utf-8"));
const { openTod } = await import(module);

const shown = (value) =>
  ArrayBuffer.isView(value)
    ? { type: value.constructor.name, data: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") }
    : value;

const acts = {
  describe: (opened) => ({ version: opened.version, transfer: opened.transfer, lightmaps: opened.lightmaps }),
  progress: (opened, which) => {
    const seen = [];
    opened.prepare(which, (done, all) => seen.push([done, all]));
    return seen;
  },
  spoil_mask: (opened, which) => opened.mask(which).fill(9)[0],
  cancel: (opened, which) => opened.prepare(which, () => opened.close()),
  cancel_by_active: (opened, which, hour, n) =>
    opened.decode(which, hour, undefined, { active: (function* () { opened.close(); for (let k = 0; k < n; k++) yield k > 0; })() }),
  into: (opened, which, hour, length) => {
    const out = new Uint8Array(length);
    const same = opened.decode(which, hour, out) === out;
    return same && shown(out);
  },
};

try {
  const opened = await openTod(readFileSync(archive), options);
  for (const [method, ...values] of calls) {
    let answer;
    try {
      answer = { value: shown(method in acts ? acts[method](opened, ...values) : opened[method](...values)) };
    } catch (error) {
      answer = { error: error.message, name: error.name, status: error.status };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
} catch (error) {
  process.stdout.write(`${JSON.stringify({ error: error.message, name: error.name, status: error.status })}\n`);
}
