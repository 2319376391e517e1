"""The npm module todpack.js and its WebAssembly, which pages of `todpack view` carry."""
