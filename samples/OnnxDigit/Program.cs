// A digit by ONNX Runtime alone: no Mezzotint, no libtorch. The file says of itself how it is used.
//
//     mezzotint export mnist --out mnist.onnx
//     dotnet run --project samples/OnnxDigit -- mnist.onnx 7 seven.pgm

using System.Globalization;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

const int Steps = 18;
const double Rho = 7; // how Karras' levels are bent

if (args is not [var file, var asked, var output] || !long.TryParse(asked, out long label))
{
    Console.Error.WriteLine("Usage: OnnxDigit MODEL.onnx LABEL OUT.pgm");
    return 1;
}

using var session = new InferenceSession(file);
var model = JsonDocument.Parse(session.ModelMetadata.CustomMetadataMap["mezzotint"]).RootElement;
var process = model.GetProperty("process");
var preconditioning = model.GetProperty("parameterisation");
if (process.GetProperty("kind").GetString() != "edm" || preconditioning.GetProperty("kind").GetString() != "edm")
{
    Console.Error.WriteLine(
        "This sample knows EDM's process and preconditioning alone; the other formulas are in docs/2-noise.md.");
    return 1;
}
double dataStd = preconditioning.GetProperty("data_std").GetDouble();
double lowest = process.GetProperty("minimum_time").GetDouble(), highest = process.GetProperty("maximum_sigma").GetDouble();
int height = model.GetProperty("image").GetProperty("height").GetInt32(),
    width = model.GetProperty("image").GetProperty("width").GetInt32();

// D(x, sigma) = skip x + out F(in x, ln(sigma) / 4): Karras et al. 2022, arXiv 2206.00364, equation 7 and table 1.
double[] Denoise(double[] x, double sigma)
{
    double total = Math.Sqrt((sigma * sigma) + (dataStd * dataStd)), skip = dataStd / total;
    using var results = session.Run(
    [
        NamedOnnxValue.CreateFromTensor(
            "x", new DenseTensor<float>(Array.ConvertAll(x, value => (float)(value / total)), [1, 1, height, width])),
        NamedOnnxValue.CreateFromTensor("t", new DenseTensor<float>(new[] { (float)(Math.Log(sigma) / 4) }, [1])),
        NamedOnnxValue.CreateFromTensor("labels", new DenseTensor<long>(new[] { label }, [1, 1])),
    ]);
    float[] f = [.. results[0].AsEnumerable<float>()];
    return [.. x.Zip(f, (value, predicted) => (skip * skip * value) + (sigma * skip * predicted))];
}

// Heun's method down Karras' levels, to 0: algorithm 1 there, without churn.
double Level(int i) =>
    i == Steps
        ? 0
        : Math.Pow(
            Math.Pow(highest, 1 / Rho) + (i / (Steps - 1.0) * (Math.Pow(lowest, 1 / Rho) - Math.Pow(highest, 1 / Rho))), Rho);
var random = new Random(42);
double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
double[] x = [.. Enumerable.Range(0, height * width).Select(_ => Level(0) * Normal())];
for (int i = 0; i < Steps; i++)
{
    double from = Level(i), to = Level(i + 1);
    double[] slope = [.. x.Zip(Denoise(x, from), (value, clean) => (value - clean) / from)];
    double[] next = [.. x.Zip(slope, (value, d) => value + ((to - from) * d))];
    if (to > 0)
    {
        double[] there = [.. next.Zip(Denoise(next, to), (value, clean) => (value - clean) / to)];
        next = [.. x.Select((value, j) => value + ((to - from) * (slope[j] + there[j]) / 2))];
    }
    x = next;
}

// Back to pixels, as the model's description has them.
var pixels = model.GetProperty("pixels");
double mean = pixels.GetProperty("mean").GetDouble(), scale = pixels.GetProperty("scale").GetDouble();
byte[] image = [.. x.Select(value => (byte)Math.Round(255 * Math.Clamp(mean + (scale * value), 0, 1)))];
using var stream = File.Create(output);
stream.Write(System.Text.Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"P5 {width} {height} 255\n")));
stream.Write(image);
for (int row = 0; row < height; row++)
    Console.WriteLine(
        string.Concat(Enumerable.Range(0, width).Select(column => " .:-=+*#%@"[image[(row * width) + column] * 9 / 255])));
Console.WriteLine(
    $"{output}: a {model.GetProperty("class_names")[(int)label].GetString()}, {(2 * Steps) - 1} network evaluations.");
return 0;
