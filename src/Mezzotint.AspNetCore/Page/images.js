// Pictures as the page handles them: files in base64, pixels on canvases, downloads.

/** The picture at an address of this page, loaded. */
export function load(address) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error('This file is no picture that the browser knows: use PNG, JPEG or WebP.'));
    image.src = address;
  });
}

/** A canvas of a size. */
export function canvas(width, height) {
  const made = document.createElement('canvas');
  made.width = width;
  made.height = height;
  return made;
}

/** The file that a canvas is saved as. */
export const fileOf = (drawn) => new Promise((resolve) => { drawn.toBlob(resolve, 'image/png'); });

/** The same in base64. */
export async function base64Of(drawn) {
  const bytes = new Uint8Array(await (await fileOf(drawn)).arrayBuffer());
  return btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ''));
}

/** All pictures in rows of so many, with a line of paper between, each scaled by a whole factor. */
export async function grid(addresses, columns, scale) {
  const pictures = await Promise.all(addresses.map(load));
  const width = pictures[0].width * scale;
  const height = pictures[0].height * scale;
  const gap = scale;
  const drawn = canvas(columns * (width + gap) - gap, Math.ceil(pictures.length / columns) * (height + gap) - gap);
  const pen = drawn.getContext('2d');
  pen.fillStyle = '#f6f1e7';
  pen.fillRect(0, 0, drawn.width, drawn.height);
  pen.imageSmoothingEnabled = false;
  pictures.forEach(
    (picture, i) =>
      pen.drawImage(picture, (i % columns) * (width + gap), Math.floor(i / columns) * (height + gap), width, height));
  return drawn;
}

/** The bytes of a file that an address of this page holds in base64. */
export const bytesOf = (address) => Uint8Array.from(atob(address.split(',')[1]), (letter) => letter.charCodeAt(0));

/** Saves an address of this page, or a blob, under a name. */
export function download(what, name) {
  const address = typeof what === 'string' ? what : URL.createObjectURL(what);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  if (typeof what !== 'string') setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Copies text; also where the browser allows its clipboard to secure pages alone. */
export async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) {
    try {
      await navigator.clipboard.writeText(text);
      return;
    } catch { /* refused: the old way */ }
  }
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'unseen';
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}
