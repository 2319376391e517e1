// todpack.wgsl in WebGPU: profile sample drawn at a size, profile load expanded to frames.
import { readKtx2, readTemporal, base64 } from './read.mjs';

const FORMATS = { 37: 'rgba8unorm', 96: 'rgba16sint', 139: 'bc4-r-unorm', 145: 'bc7-rgba-unorm' };
const TEXEL = { rgba8unorm: 4, rgba16sint: 8, rgba16float: 8, rgba32float: 16 };

async function open() {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw Error('no WebGPU adapter');
  const device = await adapter.requestDevice({ requiredFeatures: ['texture-compression-bc'] });
  const errors = [];
  device.addEventListener('uncapturederror', (event) => errors.push(event.error.message));
  return { device, errors };
}

function upload(device, format, width, height, levels, layers) {
  const isBlock = format.startsWith('bc');
  const side = isBlock ? 4 : 1;
  const bytes = format === 'bc4-r-unorm' ? 8 : isBlock ? 16 : TEXEL[format];
  const texture = device.createTexture({
    size: [width, height, layers], format, mipLevelCount: levels.length,
    usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST,
  });
  levels.forEach((data, mipLevel) => {
    const [columns, rows] = [width, height].map((n) => Math.ceil(Math.max(1, n >> mipLevel) / side));
    device.queue.writeTexture({ texture, mipLevel }, data, { bytesPerRow: bytes * columns, rowsPerImage: rows },
      [columns * side, rows * side, layers]);
  });
  return texture;
}

async function readBack(device, texture, format, width, height, layers) {
  const row = Math.ceil((TEXEL[format] * width) / 256) * 256;
  const buffer = device.createBuffer({ size: row * height * layers, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  const encoder = device.createCommandEncoder();
  encoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow: row, rowsPerImage: height }, [width, height, layers]);
  device.queue.submit([encoder.finish()]);
  await buffer.mapAsync(GPUMapMode.READ);
  const bytes = new Uint8Array(buffer.getMappedRange()), line = TEXEL[format] * width;
  const out = new Uint8Array(line * height * layers);
  for (let y = 0; y < height * layers; y++) out.set(bytes.subarray(y * row, y * row + line), y * line);
  return out;
}

async function load(device, folder) {
  const file = await readKtx2(`${folder}/maps.ktx2`);
  const temporal = await readTemporal(folder);
  const { pixelWidth: width, pixelHeight: height } = file;
  return {
    width, height,
    maps: upload(device, FORMATS[file.vkFormat], width, height, file.levels, file.layers).createView({ dimension: '2d-array' }),
    temporal: upload(device, 'rgba32float', temporal.width, temporal.height, [temporal.table], 1).createView(),
    text: await (await fetch(`${folder}/todpack.wgsl`)).text(),
  };
}

async function compiled(device, code) {
  const module = device.createShaderModule({ code });
  const messages = (await module.getCompilationInfo()).messages.filter((m) => m.type === 'error');
  if (messages.length) throw Error(messages.map((m) => `${m.lineNum}: ${m.message}`).join('\n'));
  return module;
}

export async function draw(folder, hour, width, height) {
  const { device, errors } = await open();
  const { maps, temporal, text } = await load(device, folder);
  const module = await compiled(device, `${text}
@group(0) @binding(0) var maps: texture_2d_array<f32>;
@group(0) @binding(1) var temporal: texture_2d<f32>;
@group(0) @binding(2) var linear: sampler;
@group(0) @binding(3) var<uniform> frame: vec4f; // hour, width, height
@vertex fn vertex(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
  return vec4f(vec2f(f32(i & 1), f32(i >> 1)) * 4.0 - 1.0, 0.0, 1.0);
}
@fragment fn fragment(@builtin(position) at: vec4f) -> @location(0) vec4f {
  return vec4f(todpack_rgb(maps, linear, temporal, at.xy / frame.yz, frame.x), 1.0);
}`);
  const stages = GPUShaderStage.FRAGMENT;
  const layout = device.createBindGroupLayout({ entries: [
    { binding: 0, visibility: stages, texture: { viewDimension: '2d-array' } },
    { binding: 1, visibility: stages, texture: { sampleType: 'unfilterable-float' } },
    { binding: 2, visibility: stages, sampler: {} },
    { binding: 3, visibility: stages, buffer: {} },
  ] });
  const format = 'rgba32float';
  const pipeline = device.createRenderPipeline({
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    vertex: { module }, fragment: { module, targets: [{ format }] },
  });
  const uniform = device.createBuffer({ size: 16, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
  device.queue.writeBuffer(uniform, 0, new Float32Array([hour, width, height, 0]));
  const target = device.createTexture({ size: [width, height], format, usage: GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_SRC });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginRenderPass({ colorAttachments: [{ view: target.createView(), loadOp: 'clear', storeOp: 'store' }] });
  pass.setPipeline(pipeline);
  const sampler = device.createSampler({ minFilter: 'linear', magFilter: 'linear', mipmapFilter: 'nearest' });
  pass.setBindGroup(0, device.createBindGroup({ layout, entries: [
    { binding: 0, resource: maps }, { binding: 1, resource: temporal }, { binding: 2, resource: sampler },
    { binding: 3, resource: { buffer: uniform } },
  ] }));
  pass.draw(3);
  pass.end();
  device.queue.submit([encoder.finish()]);
  const pixels = await readBack(device, target, format, width, height, 1);
  if (errors.length) throw Error(errors.join('\n'));
  return base64(pixels);
}

export async function expand(folder, hours, format) {
  const { device, errors } = await open();
  const { maps, temporal, text, width, height } = await load(device, folder);
  const module = await compiled(device, text);
  const visibility = GPUShaderStage.COMPUTE;
  const layout = device.createBindGroupLayout({ entries: [
    { binding: 0, visibility, texture: { viewDimension: '2d-array', sampleType: 'sint' } },
    { binding: 1, visibility, texture: { sampleType: 'unfilterable-float' } },
    { binding: 2, visibility, storageTexture: { format, viewDimension: '2d-array' } },
    { binding: 3, visibility, buffer: { type: 'read-only-storage' } },
  ] });
  const pipeline = device.createComputePipeline({
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }), compute: { module },
  });
  const times = device.createBuffer({ size: 4 * hours.length, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
  device.queue.writeBuffer(times, 0, new Float32Array(hours));
  const frames = device.createTexture({ size: [width, height, hours.length], format, usage: GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.COPY_SRC });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout, entries: [
    { binding: 0, resource: maps }, { binding: 1, resource: temporal },
    { binding: 2, resource: frames.createView({ dimension: '2d-array' }) }, { binding: 3, resource: { buffer: times } },
  ] }));
  pass.dispatchWorkgroups(Math.ceil(width / 8), Math.ceil(height / 8), hours.length);
  pass.end();
  device.queue.submit([encoder.finish()]);
  const pixels = await readBack(device, frames, format, width, height, hours.length);
  if (errors.length) throw Error(errors.join('\n'));
  return base64(pixels);
}
