"""GridMLP: dense multi-resolution feature grids and a small MLP, f(x, y, t) -> RGB or residual RGB."""
