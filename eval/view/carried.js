/** What the page carries in its <script> elements: JSON, and bytes as base64, of gzip where they say so. */

function parseElement(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

async function unpacked(id) {
  const element = document.getElementById(id);
  const packed = Uint8Array.from(atob(element.textContent), (letter) => letter.charCodeAt(0));
  if (element.dataset.coding !== "gzip") return packed;
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
