#:project ../src/Mezzotint/Mezzotint.csproj
// A loss weighting of one's own: how much each level of noise counts in training.
//
//     dotnet run samples/LossWeighting.cs -- FOLDER

using Mezzotint.Data;
using Mezzotint.Noise;
using Mezzotint.Runs;
using Mezzotint.Serving;
using Mezzotint.Settings;
using Mezzotint.Training;

string folder = args is [var named] ? named : "own-loss-weighting";
SettingsKinds.Register<LossWeighting, BellWeighting>("bell"); // configurations and model folders name it so

var config = new ExperimentConfig
{
    Data = new() { Name = "strokes" },
    Process = new Edm(),
    Parameterisation = new EdmPreconditioning(),
    Loss = new BellWeighting { Centre = 0.5, Width = 1.5 },
    Times = new LogNormalLevels(),
    Training = new() { Epochs = 1, BatchSize = 16, SamplesPerLabel = 0 },
    Sampling = new() { Sampler = "heun", Levels = "karras", Steps = 10 },
};
var (train, test) = (DataSource.Load("strokes", limit: 32), DataSource.Load("strokes", train: false, limit: 16));
using (var run = RunFolder.Open(folder))
    Console.WriteLine($"{new TrainingRun(config, run, train, test).Run().Step} steps");

using var pipeline = DiffusionPipeline.Load(Path.Combine(folder, "model"));
Console.WriteLine(pipeline.Model.Loss); // as config.json has it
pipeline.Generate("7", new() { Count = 4, Seed = 1 }).SavePng(Path.Combine(folder, "sevens.png"));

/// <summary>Levels near the centre count most: a bell over ln(level), divided by level^2 as the seed's weight is.</summary>
internal sealed record BellWeighting : LossWeighting
{
    public double Centre { get; init; } = 1;

    public double Width { get; init; } = 1;

    protected override double OfImage(double level)
    {
        double distance = Math.Log(level / Centre) / Width;
        return Math.Exp(-0.5 * distance * distance) / (level * level);
    }
}
