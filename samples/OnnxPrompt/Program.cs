// A picture from a prompt by ONNX Runtime alone: no Mezzotint, no libtorch. The files say of themselves how they are used.
//
//     mezzotint export emoji --out emoji.onnx
//     dotnet run --project samples/OnnxPrompt -- emoji.onnx "a red heart, noto style" heart.ppm

using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

const int Steps = 20;
const double Guidance = 3;

if (args is not [var file, var prompt, var output])
{
    Console.Error.WriteLine("Usage: OnnxPrompt MODEL.onnx PROMPT OUT.ppm");
    return 1;
}
using var network = new InferenceSession(file);
using var encoder = new InferenceSession(Path.ChangeExtension(file, ".text.onnx"));
using var decoder = new InferenceSession(Path.ChangeExtension(file, ".decoder.onnx"));
var model = JsonDocument.Parse(network.ModelMetadata.CustomMetadataMap["mezzotint"]).RootElement;
var process = model.GetProperty("process");
var schedule = process.GetProperty("schedule");
string predicted = model.GetProperty("parameterisation").GetProperty("kind").GetString()!;
if (schedule.GetProperty("kind").GetString() != "scaled-linear" || predicted is not ("v" or "epsilon"))
{
    Console.Error.WriteLine("This sample knows the scaled linear schedule, v and epsilon alone; see docs/2-noise.md.");
    return 1;
}

// Byte pair encoding: Sennrich et al. 2016, arXiv 1508.07909. Letters and signs of ASCII suffice here.
var vocabulary = JsonSerializer.Deserialize<Dictionary<string, long>>(Metadata(encoder, "vocab"))!;
string[] merges = Metadata(encoder, "merges").Split('\n');
long[] Tokens(string text)
{
    var found = new List<long> { vocabulary["<|startoftext|>"] };
    foreach (Match word in Regex.Matches(text.ToLowerInvariant(), "[a-z]+|[0-9]|[^ a-z0-9]+"))
    {
        List<string> pieces = [.. word.Value[..^1].Select(letter => $"{letter}"), $"{word.Value[^1]}</w>"];
        foreach (string merge in merges)
            for (int i = 0; i + 1 < pieces.Count; i++)
                if ($"{pieces[i]} {pieces[i + 1]}" == merge)
                {
                    pieces[i] += pieces[i + 1];
                    pieces.RemoveAt(i + 1);
                }
        found.AddRange(pieces.Where(vocabulary.ContainsKey).Select(piece => vocabulary[piece]));
    }
    int length = int.Parse(Metadata(encoder, "length"), CultureInfo.InvariantCulture);
    long end = vocabulary["<|endoftext|>"];
    return [.. found.Take(length - 1), .. Enumerable.Repeat(end, Math.Max(1, length - found.Count))];
}

// Both prompts in one batch: what is asked for, and nothing.
long[][] both = [Tokens(prompt), Tokens("")];
var tokens = new DenseTensor<long>(both.SelectMany(one => one).ToArray(), [2, both[0].Length]);
var context = Run(encoder, (encoder.InputNames[0], tokens));
int[] shape = [2, .. network.InputMetadata["x"].Dimensions[1..]];

// v = a noise - s x0 (Salimans, Ho 2022, arXiv 2202.00512) or the noise itself, guided: Ho, Salimans 2022, arXiv 2207.12598.
(double[] Clean, double[] Noise) Predict(double[] x, double time, double a, double s)
{
    float[] twice = [.. x.Concat(x).Select(value => (float)value)];
    float[] times = [(float)time, (float)time];
    var f = Run(network, ("x", new DenseTensor<float>(twice, shape)), ("t", new DenseTensor<float>(times, [2])),
        ("context", context));
    double Guided(double asked, double any) => any + (Guidance * (asked - any));
    double[] guided = [.. x.Select((_, i) => Guided(f.GetValue(i), f.GetValue(i + x.Length)))];
    return predicted == "v"
        ? ([.. x.Zip(guided, (value, v) => (a * value) - (s * v))], [.. x.Zip(guided, (value, v) => (s * value) + (a * v))])
        : ([.. x.Zip(guided, (value, noise) => (value - (s * noise)) / a)], guided);
}

// DDIM over evenly spaced entries of the table: Song et al. 2021, arXiv 2010.02502, equation 12 with sigma 0.
int entries = schedule.GetProperty("table_length").GetInt32();
double first = Math.Sqrt(schedule.GetProperty("beta_min").GetDouble() / entries);
double last = Math.Sqrt(schedule.GetProperty("beta_max").GetDouble() / entries);
double product = 1;
double[] kept = [.. Enumerable.Range(0, entries).Select(i =>
    product *= 1 - Math.Pow(first + ((last - first) * i / (entries - 1)), 2))];
var random = new Random(42);
double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
double[] x = [.. Enumerable.Range(0, shape[1] * shape[2] * shape[3]).Select(_ => Normal())];
for (int step = Steps; step > 0; step--)
{
    int from = (step * entries / Steps) - 1, to = ((step - 1) * entries / Steps) - 1;
    var (clean, noise) = Predict(x, from, Math.Sqrt(kept[from]), Math.Sqrt(1 - kept[from]));
    double rest = to < 0 ? 1 : kept[to];
    x = [.. clean.Zip(noise, (c, n) => (Math.Sqrt(rest) * c) + (Math.Sqrt(1 - rest) * n))];
}

double scale = double.Parse(Metadata(decoder, "scaling_factor"), CultureInfo.InvariantCulture);
float[] latents = [.. x.Select(value => (float)(value / scale))];
var image = Run(decoder, (decoder.InputNames[0], new DenseTensor<float>(latents, [1, .. shape[1..]])));
int height = image.Dimensions[2], width = image.Dimensions[3];
using var stream = File.Create(output);
stream.Write(System.Text.Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"P6 {width} {height} 255\n")));
for (int place = 0; place < height * width; place++)
    for (int channel = 0; channel < 3; channel++)
        stream.WriteByte((byte)Math.Round(127.5 * (1 + Math.Clamp(image.GetValue((channel * height * width) + place), -1, 1))));
Console.WriteLine($"{output}: {width} x {height}, {Steps} steps, of the tokens {string.Join(" ", both[0])}.");
return 0;

static string Metadata(InferenceSession session, string key) => session.ModelMetadata.CustomMetadataMap[key];

static DenseTensor<float> Run(InferenceSession session, params (string Name, object Tensor)[] inputs)
{
    using var results = session.Run([.. inputs.Select(input => input.Tensor is Tensor<long> numbers
        ? NamedOnnxValue.CreateFromTensor(input.Name, numbers)
        : NamedOnnxValue.CreateFromTensor(input.Name, (Tensor<float>)input.Tensor))]);
    return results[0].AsTensor<float>().ToDenseTensor();
}
