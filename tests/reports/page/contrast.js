// Texts whose contrast with what lies behind them is below 4.5 (WCAG 2.2, 1.4.3), each with its ratio.
() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const parts = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const light = (color) => {
    const [red, green, blue] = color.map((value) =>
      value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) layers.push(parts(getComputedStyle(at).backgroundColor));
    return layers
      .reverse()
      .reduce(
        (under, [red, green, blue, alpha]) =>
          [red, green, blue].map((value, at) => alpha * value + (1 - alpha) * under[at]),
        [255, 255, 255],
      );
  };
  const found = new Map();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (
      !walker.currentNode.textContent.trim() ||
      !node.checkVisibility() ||
      node.closest("svg, button:disabled, option, script, noscript")
    )
      continue;
    const [one, other] = [light(parts(getComputedStyle(node).color).slice(0, 3)), light(behind(node))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) found.set(`${node.tagName}.${node.className} ${ratio.toFixed(2)}`, ratio);
  }
  return [...found.keys()];
};
