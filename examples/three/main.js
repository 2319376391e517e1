import * as THREE from 'three';
import { GLTFLoader } from 'three/addons/loaders/GLTFLoader.js';
import { OrbitControls } from 'three/addons/controls/OrbitControls.js';
import { loadMaps } from './maps.js';
import { Frames } from './frames.js';

const EXPOSURE = 0.55, HOURS_PER_SECOND = 1.5;
const $ = (id) => document.getElementById(id);

const renderer = new THREE.WebGLRenderer({ antialias: false, preserveDrawingBuffer: true });
renderer.outputColorSpace = THREE.LinearSRGBColorSpace; // the shader codes its colors itself
document.body.prepend(renderer.domElement);
const scene = new THREE.Scene();
const camera = new THREE.PerspectiveCamera(40, 1, 0.1, 100);
camera.position.set(9, 8, 14);
const controls = new OrbitControls(camera, renderer.domElement);
controls.target.set(-0.5, 0.8, -1);
controls.maxPolarAngle = 1.5;

const VERTEX = `
out vec2 lightmap_uv;
void main() {
  lightmap_uv = uv1;
  gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
}`;
// light on a white surface times its color, exposed and coded; LIGHT and SAMPLER are those of a way
const FRAGMENT = `
uniform vec3 base_color;
uniform float exposure, hour, share;
uniform bool shows_charts;
in vec2 lightmap_uv;
out vec4 color;
vec3 coded(vec3 c) { return mix(12.92 * c, 1.055 * pow(c, vec3(1.0 / 2.4)) - 0.055, step(0.0031308, c)); }
void main() {
  vec3 light = LIGHT;
  color = vec4(coded(1.0 - exp(-exposure * base_color * light)), 1.0);
  if (shows_charts) { // the borders of texels, as far as they can be told apart
    vec2 texel = lightmap_uv * vec2(textureSize(SAMPLER, 0).xy), width = fwidth(texel);
    vec2 line = (1.0 - clamp((0.5 - abs(fract(texel) - 0.5)) / width, 0.0, 1.0)) * clamp(1.0 - 2.0 * width, 0.0, 1.0);
    color.rgb = mix(color.rgb, vec3(1.0), 0.4 * max(line.x, line.y));
  }
}`;
const WAYS = {
  maps: {
    samplers: 'uniform highp sampler2DArray maps;\nuniform highp sampler2D temporal;', one: 'maps',
    light: 'todpack_rgb(maps, temporal, lightmap_uv, hour)',
  },
  frames: {
    samplers: 'uniform highp sampler2D first, second;', one: 'first',
    light: 'mix(texture(first, lightmap_uv).rgb, texture(second, lightmap_uv).rgb, share)',
  },
};

const shared = {
  exposure: { value: EXPOSURE }, hour: { value: 12 }, share: { value: 0 }, shows_charts: { value: false },
  maps: { value: null }, temporal: { value: null }, first: { value: null }, second: { value: null },
};

function material(way, functions, color) {
  const { samplers, one, light } = WAYS[way];
  return new THREE.ShaderMaterial({
    glslVersion: THREE.GLSL3, defines: { USE_UV1: '' },
    uniforms: { ...shared, base_color: { value: color } },
    vertexShader: VERTEX,
    fragmentShader: functions + samplers + FRAGMENT.replace('LIGHT', light).replace('SAMPLER', one),
  });
}

async function openFrames(bytes) {
  const { openTod } = await import('./vendor/todpack.js');
  return new Frames(await openTod(bytes));
}

async function start() {
  const archive = new Uint8Array(await (await fetch('scene.tod')).arrayBuffer());
  const [gltf, maps] = await Promise.all([new GLTFLoader().loadAsync('scene.glb'), loadMaps('maps', renderer)]);
  const frames = await openFrames(archive).catch((error) => { // without js/todpack.wasm there are the maps alone
    $('way').options[1].title = error.message;
    return null;
  });
  shared.maps.value = maps.maps;
  shared.temporal.value = maps.temporal;
  $('way').options[1].disabled = frames === null;

  const meshes = [], edges = new THREE.Group();
  gltf.scene.traverse((object) => { if (object.isMesh) meshes.push(object); });
  for (const mesh of meshes) {
    const color = mesh.material.color.clone();
    mesh.userData = { maps: material('maps', maps.shader, color), frames: frames && material('frames', '', color) };
    edges.add(new THREE.LineSegments(new THREE.EdgesGeometry(mesh.geometry), new THREE.LineBasicMaterial({ color: 0xffcc33 })));
  }
  edges.visible = false;
  scene.add(gltf.scene, edges);

  const gl = renderer.getContext(), pixel = new Uint8Array(4), drawn = [];
  function draw(hour) {
    const way = $('way').value;
    shared.hour.value = hour;
    if (way === 'frames') {
      const { first, second, share } = frames.at(hour);
      [shared.first.value, shared.second.value, shared.share.value] = [first, second, share];
    }
    for (const mesh of meshes) mesh.material = mesh.userData[way];
    edges.visible = shared.shows_charts.value = $('charts').checked;
    const before = performance.now();
    renderer.render(scene, camera);
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel); // waits for the frame
    drawn.push(performance.now() - before);
    if (drawn.length > 30) drawn.shift();
    $('hour').value = hour;
    $('clock').value = `${String(Math.floor(hour)).padStart(2, '0')}:${String(Math.floor((hour % 1) * 60)).padStart(2, '0')}`;
    const kilobytes = (n) => `${(n / 1000).toFixed(0)} kB`;
    const memory = way === 'maps' ? `maps ${kilobytes(maps.bytes)} of graphics memory, the whole day`
      : `two frames ${kilobytes(frames.bytes)} of graphics memory; a new one takes ${frames.refreshMs.toFixed(1)} ms`;
    const median = [...drawn].sort((a, b) => a - b)[drawn.length >> 1];
    $('figures').textContent = `archive ${kilobytes(archive.length)}\n${memory}\nframe ${median.toFixed(1)} ms`;
  }

  function resize() {
    renderer.setSize(innerWidth, innerHeight);
    camera.aspect = innerWidth / innerHeight;
    camera.updateProjectionMatrix();
    draw(Number($('hour').value));
  }
  let playedAt = null;
  function play(now) {
    if (playedAt === null) return;
    draw((Number($('hour').value) + HOURS_PER_SECOND * (now - playedAt) / 1000) % 24);
    playedAt = now;
    requestAnimationFrame(play);
  }
  $('play').addEventListener('click', () => {
    playedAt = playedAt === null ? performance.now() : null;
    $('play').textContent = playedAt === null ? 'Play' : 'Pause';
    requestAnimationFrame(play);
  });
  const again = () => draw(Number($('hour').value));
  for (const name of ['hour', 'way', 'charts']) $(name).addEventListener('input', again);
  controls.addEventListener('change', again);
  addEventListener('resize', resize);
  controls.update();
  resize();
  document.body.dataset.ready = 'yes';
}

start().catch((error) => { $('figures').textContent = error.message; });
