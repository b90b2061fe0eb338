#:project ../src/Mezzotint/Mezzotint.csproj
// A data source of one's own: rings and discs, drawn as they are asked for.
//
//     dotnet run samples/DataSource.cs -- FOLDER

using Mezzotint.Data;
using Mezzotint.Runs;
using Mezzotint.Serving;
using Mezzotint.Training;

const int Side = 28;
string folder = args is [var named] ? named : "own-data";
DataSource.Register("rings", (options, limit) => Draw(limit ?? 1000, options.Part == ImageSplit.Test ? 2 : 1)); // data.name

var config = new ExperimentConfig
{
    Data = new() { Name = "rings" },
    Training = new() { Epochs = 1, BatchSize = 16, SamplesPerLabel = 0 },
    Sampling = new() { Sampler = "heun", Levels = "karras", Steps = 10 },
};
var (train, test) = (DataSource.Load(config.Data.Name, limit: 32), DataSource.Load(config.Data.Name, train: false, limit: 16));
using (var run = RunFolder.Open(folder))
    Console.WriteLine($"{new TrainingRun(config, run, train, test).Run().Step} steps");

using var pipeline = DiffusionPipeline.Load(Path.Combine(folder, "model"));
Console.WriteLine($"{pipeline.Model.Dataset}: {string.Join(", ", pipeline.Model.ClassNames)}"); // as config.json has it
pipeline.Generate("ring", new() { Count = 4, Seed = 1 }).SavePng(Path.Combine(folder, "rings.png"));

// Grey images, one byte a pixel, and the class of each.
static ImageSet Draw(int count, int seed)
{
    var random = new Random(seed);
    byte[] pixels = new byte[count * Side * Side], labels = new byte[count];
    for (int i = 0; i < count; i++)
    {
        labels[i] = (byte)(i % 2);
        double x = random.Next(10, 18), y = random.Next(10, 18), radius = random.Next(5, 9);
        for (int at = 0; at < Side * Side; at++)
        {
            double distance = Math.Sqrt(Math.Pow(at % Side - x, 2) + Math.Pow(at / Side - y, 2));
            double inside = labels[i] == 0 ? 2 - Math.Abs(distance - radius) : radius - distance;
            pixels[i * Side * Side + at] = (byte)(255 * Math.Clamp(inside, 0, 1));
        }
    }
    return new ImageSet("rings", pixels, labels, channels: 1, Side, Side, ["ring", "disc"]);
}
