#:project ../src/Mezzotint/Mezzotint.csproj
// A noise schedule of one's own, in the variance-preserving process.
//
//     dotnet run samples/Schedule.cs -- FOLDER

using Mezzotint.Data;
using Mezzotint.Noise;
using Mezzotint.Runs;
using Mezzotint.Serving;
using Mezzotint.Settings;
using Mezzotint.Training;

string folder = args is [var named] ? named : "own-schedule";
SettingsKinds.Register<NoiseSchedule, PowerSchedule>("power"); // configurations and model folders name it so

var config = new ExperimentConfig
{
    Data = new() { Name = "strokes" },
    Process = new VariancePreserving { Schedule = new PowerSchedule { Power = 2, Depth = 5 } },
    Parameterisation = new EpsilonParameterisation(),
    Training = new() { Epochs = 1, BatchSize = 16, SamplesPerLabel = 0 },
    Sampling = new() { Sampler = "ddim", Levels = "uniform", Steps = 10 },
};
var (train, test) = (DataSource.Load("strokes", limit: 32), DataSource.Load("strokes", train: false, limit: 16));
using (var run = RunFolder.Open(folder))
    Console.WriteLine($"{new TrainingRun(config, run, train, test).Run().Step} steps");

using var pipeline = DiffusionPipeline.Load(Path.Combine(folder, "model"));
Console.WriteLine(((VariancePreserving)pipeline.Model.Process).Schedule); // as config.json has it
pipeline.Generate("7", new() { Count = 4, Seed = 1 }).SavePng(Path.Combine(folder, "sevens.png"));

/// <summary>ln alpha = -depth t^power: beta follows as -2 d(ln alpha)/dt.</summary>
internal sealed record PowerSchedule : NoiseSchedule
{
    public double Power { get; init; } = 2;

    public double Depth { get; init; } = 5;

    public override double LogAlpha(double t) => -Depth * Math.Pow(t, Power);

    public override double Beta(double t) => 2 * Depth * Power * Math.Pow(t, Power - 1);

    public override double Time(double logAlpha) => Math.Pow(-logAlpha / Depth, 1 / Power);

    public override void Validate()
    {
        if (!(Power is > 0 and <= 10 && Depth is > 0 and <= 100))
            throw new Mezzotint.MezzotintException("process.schedule: power is above 0 to 10, depth above 0 to 100.");
    }
}
