using System.Globalization;
using System.IO.Compression;
using Mezzotint.Formats;

namespace Mezzotint.Tests.Formats;

/// <summary>Writes state dicts as torch.save does, for the tests.</summary>
internal static class TorchArchive
{
    public static void Write(string path, IEnumerable<KeyValuePair<string, TensorData>> tensors)
    {
        using var zip = new ZipArchive(File.Create(path), ZipArchiveMode.Create);
        var pickle = new PickleWriter().Op('}');
        int key = 0;
        foreach (var (name, tensor) in tensors)
        {
            string storage = key++.ToString(CultureInfo.InvariantCulture);
            long[] strides = new long[tensor.Shape.Length];
            long apart = 1;
            for (int axis = strides.Length - 1; axis >= 0; axis--)
                (strides[axis], apart) = (apart, apart * tensor.Shape[axis]);
            string type = tensor.Type switch
            {
                ElementType.Float16 => "HalfStorage",
                ElementType.Int64 => "LongStorage",
                _ => "FloatStorage",
            };
            pickle.Text(name).Tensor(storage, tensor.ElementCount, 0, tensor.Shape, strides, type: type).Op('s');
            Add(zip, $"archive/data/{storage}", tensor.Bytes.Span);
        }
        Add(zip, "archive/data.pkl", pickle.Op('.').Bytes);
    }

    private static void Add(ZipArchive zip, string name, ReadOnlySpan<byte> bytes)
    {
        using var stream = zip.CreateEntry(name, CompressionLevel.NoCompression).Open();
        stream.Write(bytes);
    }
}
