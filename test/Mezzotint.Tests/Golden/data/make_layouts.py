"""Writes small data sets in every layout that is read, with Pillow, numpy and zipfile, and what their pixels are by Pillow.

    python3 make_layouts.py FOLDER
"""
import csv
import json
import os
import struct
import sys
import zipfile

import numpy as np
from PIL import Image, ImageOps

ROOT = sys.argv[1]
SIDE = 8


def picture(number):
    """A picture of its own for each number: [8, 8, 3]."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    return np.stack([(x * 30 + number * 7) % 256, (y * 30 + number * 11) % 256, (x * y + number * 13) % 256], -1).astype(np.uint8)


def place(*names):
    path = os.path.join(ROOT, *names)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def save(number, *names):
    Image.fromarray(picture(number)).save(place(*names))


def zipped(folder, name, method, prefix=""):
    with zipfile.ZipFile(place(name), "w", method) as archive:
        for base, _, files in sorted(os.walk(os.path.join(ROOT, folder))):
            for file in sorted(files):
                path = os.path.join(base, file)
                archive.write(path, prefix + os.path.relpath(path, os.path.join(ROOT, folder)).replace(os.sep, "/"))


# Classes, at one depth and at several; none.
for i in range(3):
    save(i, "classes", "cat", f"{i}.png")
    save(10 + i, "classes", "dog", f"{i}.png")
    save(20 + i, "deep", "set", "animals", "cat", f"{i}.png")
    save(30 + i, "deep", "set", "plants", "fern", f"{i}.png")
    save(40 + i, "flat", f"{i}.png")
    save(50 + i, "text", f"{i}.png")
with open(place("text", "0.txt"), "w", encoding="utf-8") as file:
    file.write("a first caption\nand another, with é\n\n")
with open(place("text", "1.txt"), "w", encoding="utf-8") as file:
    file.write("a second caption")

# Metadata.
rows = [
    {"file_name": "a/0.png", "text": "a cat, sitting", "kind": "cat", "names": ["cat", "tom"], "split": "train"},
    {"file_name": "a/1.png", "text": "a dog", "kind": "dog", "names": [], "split": "train"},
    {"file_name": "b/2.png", "text": "a \"big\" cat", "kind": "cat", "names": ["cat"], "split": "test"},
]
for i, row in enumerate(rows):
    for layout in ("jsonl", "csv"):
        save(60 + i, layout, *row["file_name"].split("/"))
with open(place("jsonl", "metadata.jsonl"), "w", encoding="utf-8") as file:
    for row in rows:
        file.write(json.dumps(row) + "\n")
with open(place("csv", "metadata.csv"), "w", encoding="utf-8", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["file_name", "text", "label"])
    for row in rows:
        writer.writerow([row["file_name"], row["text"], row["kind"]])

# EDM's dataset_tool.py: pictures in numbered folders, labels in dataset.json.
for i in range(3):
    save(70 + i, "edm", "00000", f"img{i:08d}.png")
with open(place("edm", "dataset.json"), "w", encoding="utf-8") as file:
    json.dump({"labels": [[f"00000/img{i:08d}.png", [2, 0, 2][i]] for i in range(3)]}, file)

zipped("classes", "classes.zip", zipfile.ZIP_DEFLATED)
zipped("classes", "inside.zip", zipfile.ZIP_STORED, prefix="animals/")
zipped("jsonl", "jsonl.zip", zipfile.ZIP_DEFLATED)
zipped("edm", "edm.zip", zipfile.ZIP_STORED)

# Arrays.
images = np.stack([picture(80 + i) for i in range(3)])
np.savez(place("named.npz"), images=images, labels=np.array([1, 0, 1]))
np.savez_compressed(place("unnamed.npz"), images.transpose(0, 3, 1, 2), np.array([1, 0, 1], dtype=np.uint8))
with open(place("idx", "some-images-idx3-ubyte"), "wb") as file:
    file.write(struct.pack(">HBBIII", 0, 8, 3, 3, SIDE, SIDE) + images[..., 0].tobytes())
with open(place("idx", "some-labels-idx1-ubyte"), "wb") as file:
    file.write(struct.pack(">HBBI", 0, 8, 1, 3) + bytes([0, 11, 3]))


def cifar(folder, name, labels, numbers):
    with open(place(folder, name), "wb") as file:
        for label, number in zip(labels, numbers):
            large = np.kron(picture(number), np.ones((4, 4, 1), dtype=np.uint8))
            file.write(bytes(label) + large.transpose(2, 0, 1).tobytes())


for batch in range(1, 6):
    cifar("cifar10", f"data_batch_{batch}.bin", [[batch], [9 - batch]], [2 * batch, 2 * batch + 1])
cifar("cifar10", "test_batch.bin", [[3]], [90])
with open(place("cifar10", "batches.meta.txt"), "w", encoding="utf-8") as file:
    file.write("\n".join("airplane automobile bird cat deer dog frog horse ship truck".split()) + "\n\n")
cifar("cifar100", "train.bin", [[4, 99], [0, 5]], [1, 2])
cifar("cifar100", "test.bin", [[4, 98]], [3])

# Pictures of every kind, and their pixels on white by Pillow.
odd, base = {}, Image.fromarray(picture(1))
alpha = np.dstack([picture(2), np.tile(np.arange(0, 256, 32, dtype=np.uint8), (SIDE, 1))])
odd["transparent.png"] = Image.fromarray(alpha, "RGBA")
odd["grey-transparent.png"] = Image.fromarray(alpha[..., [0, 3]], "LA")
odd["grey.png"] = base.convert("L")
odd["bits.png"] = base.convert("1")
palette = base.quantize(16)
odd["palette.png"] = palette
odd["grey16.png"] = Image.fromarray((np.arange(64, dtype=np.uint16).reshape(8, 8) * 4 * 257))
for name, image in odd.items():
    image.save(place("odd", name))
palette.save(place("odd", "palette-transparent.png"), transparency=3)
palette.convert("RGB").save(place("odd", "frame.gif"))
smooth = Image.fromarray(np.tile(np.linspace(40, 200, 16, dtype=np.uint8), (16, 1))).convert("RGB")
smooth.convert("CMYK").save(place("odd-jpeg", "cmyk.jpg"), quality=98)
exif = Image.Exif()
exif[0x0112] = 6
smooth.save(place("odd-jpeg", "turned.jpg"), quality=98, exif=exif)
smooth.save(place("odd-jpeg", "progressive.jpg"), quality=98, progressive=True)
expected = {}
for folder in ("odd", "odd-jpeg"):
    for name in sorted(os.listdir(os.path.join(ROOT, folder))):
        image = ImageOps.exif_transpose(Image.open(os.path.join(ROOT, folder, name)))
        if image.mode.startswith("I"):
            values = np.asarray(image).astype(int) // 257
            image = Image.fromarray(values.astype(np.uint8))
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        pixels = np.asarray(Image.alpha_composite(white, image))[..., :3]
        expected[f"{folder}/{name}"] = pixels.transpose(2, 0, 1).ravel().tolist()
with open(place("expected.json"), "w", encoding="utf-8") as file:
    json.dump(expected, file)

# Other sizes, and one damaged file.
for i, size in enumerate([(8, 8), (24, 12), (12, 24)]):
    Image.new("RGB", size, (10 * i, 20, 30)).save(place("sizes", f"{i}.png"))
for i in range(3):
    save(i, "damaged", "a", f"{i}.png")
data = open(place("damaged", "a", "1.png"), "rb").read()
open(place("damaged", "a", "1.png"), "wb").write(data[:-40])
zipped("damaged", "damaged.zip", zipfile.ZIP_STORED)
