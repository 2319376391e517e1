"""`todpack view`: one HTML page that decodes an archive in the browser.

The archive's own ONNX graph `frame` is taken apart once (`program`): what depends on time alone is computed per frame
by a small interpreter in the page, what depends on texels becomes a fragment shader. So one viewer shows every family.
"""
