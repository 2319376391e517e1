#!/bin/sh
# build.sh [FOLDER]: make the page, here or in FOLDER: three.js from npm, maps for the GPU, and the WebAssembly decoder
# where it was built (js/build.sh). TODPACK names the command.
set -eu
cd "$(dirname "$0")"
target=${1:-.}
[ -d node_modules/three ] || npm ci --no-audit --no-fund --silent
if [ "$target" != . ]; then
    mkdir -p "$target"
    cp index.html main.js maps.js frames.js scene.glb scene.tod "$target"
fi
rm -rf "$target/vendor"
for folder in controls loaders utils; do mkdir -p "$target/vendor/addons/$folder"; done
cp node_modules/three/build/three.module.js node_modules/three/build/three.core.js "$target/vendor"
for module in controls/OrbitControls loaders/GLTFLoader utils/BufferGeometryUtils utils/SkeletonUtils; do
    cp "node_modules/three/examples/jsm/$module.js" "$target/vendor/addons/$module.js"
done
cp node_modules/ktx-parse/dist/index.mjs "$target/vendor/ktx-parse.mjs"
${TODPACK:-todpack} export scene.tod -o "$target/maps" --profile sample --overwrite
if [ -f ../../js/todpack.wasm ]; then
    cp ../../js/todpack.js ../../js/todpack.wasm "$target/vendor"
fi
