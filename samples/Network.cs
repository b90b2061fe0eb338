#:project ../src/Mezzotint/Mezzotint.csproj
// A network of one's own: a description in layers. libtorch trains it, the engine runs it, `mezzotint export` writes it.
//
//     dotnet run samples/Network.cs -- FOLDER

using Mezzotint.Data;
using Mezzotint.Networks;
using Mezzotint.Runs;
using Mezzotint.Serving;
using Mezzotint.Settings;
using Mezzotint.Training;

string folder = args is [var named] ? named : "own-network";
SettingsKinds.Register<NetworkConfig, ChainConfig>("chain"); // configurations and model folders name it so

var config = new ExperimentConfig
{
    Data = new() { Name = "strokes" },
    Model = new ChainConfig { Width = 32, Blocks = 2 },
    Training = new() { Epochs = 1, BatchSize = 16, SamplesPerLabel = 0 },
    Sampling = new() { Sampler = "heun", Levels = "karras", Steps = 10 },
};
var (train, test) = (DataSource.Load("strokes", limit: 32), DataSource.Load("strokes", train: false, limit: 16));
using (var run = RunFolder.Open(folder))
    Console.WriteLine($"{new TrainingRun(config, run, train, test).Run().Step} steps, {config.Model.ParameterCount} parameters");

using var pipeline = DiffusionPipeline.Load(Path.Combine(folder, "model"));
Console.WriteLine($"{((ChainConfig)pipeline.Model.Model).Blocks} blocks"); // as config.json has it
pipeline.Generate("7", new() { Count = 4, Seed = 1 }).SavePng(Path.Combine(folder, "sevens.png"));

/// <summary>Convolutions of one size in a row, each block with the time and the class added.</summary>
internal sealed record ChainConfig : NetworkConfig
{
    public int Width { get; init; } = 32;

    public int Blocks { get; init; } = 4;

    public override int Stride => 1; // any size of image

    public override NetworkDescription Describe()
    {
        var net = new NetworkBuilder("Chain");
        Node x = net.Map("x", InChannels), t = net.Number("t"), labels = net.Indices("labels");
        var time = net.Linear("time", net.TimeFeatures(t, [0.25, 0.5, 1, 2, 4, 8, 16, 32]), Width);
        var asked = net.Add(time, net.SumOfTokens(net.Embedding("labels", labels, CorpusLength, Width))); // [B, Width]
        x = net.Convolution("input", x, Width);
        for (int i = 0; i < Blocks; i++)
        {
            using var block = net.Module($"blocks.{i}", "Block");
            var inner = net.Add(net.GroupNorm("norm", x, groups: 8), net.Linear("condition", asked, Width));
            x = net.Add(x, net.Convolution("conv", net.Silu(inner), Width));
        }
        return net.Build(net.Convolution("output", x, OutChannels, startsAtZero: true));
    }
}
