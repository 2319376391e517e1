"""`todpack export`: an archive as textures, buffers and shaders that engines take. docs/engines.md."""
