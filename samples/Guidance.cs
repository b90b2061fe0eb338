#:project ../src/Mezzotint/Mezzotint.csproj
// Guidance of one's own: how the prediction for a class and the one without a class become one.
//
//     dotnet run samples/Guidance.cs -- FOLDER

using Mezzotint.Data;
using Mezzotint.Networks;
using Mezzotint.Runs;
using Mezzotint.Sampling;
using Mezzotint.Serving;
using Mezzotint.Training;
using static Mezzotint.Sampling.LinearCombination;
using static TorchSharp.torch;

string folder = args is [var named] ? named : "own-guidance";
Guidance.Register(new ClippedGuidance()); // options, configurations and receipts name it so

var config = new ExperimentConfig
{
    Data = new() { Name = "strokes" },
    Model = new UNetConfig { NumResBlocks = 1, Unconditional = true },
    Training = new() { Epochs = 1, BatchSize = 16, LabelDropout = 0.5, SamplesPerLabel = 0 },
    Sampling = new() { Sampler = "ddim", Levels = "karras", Steps = 10, Guidance = 2, GuidanceKind = "clipped" },
};
var (train, test) = (DataSource.Load("strokes", limit: 32), DataSource.Load("strokes", train: false, limit: 16));
using (var run = RunFolder.Open(folder))
    Console.WriteLine($"{new TrainingRun(config, run, train, test).Run().Step} steps");

using var pipeline = DiffusionPipeline.Load(Path.Combine(folder, "model"));
Console.WriteLine(pipeline.Prepare([7]).Guidance); // the model's own, as config.json has it
pipeline.Generate("7", new() { Count = 4, Seed = 1 }).SavePng(Path.Combine(folder, "sevens.png"));

/// <summary>Classifier-free guidance whose change of a pixel is at most half of the range.</summary>
internal sealed record ClippedGuidance : Guidance
{
    public override string Name => "clipped";

    protected override Tensor Combine(Tensor denoised, Tensor reference, ref Tensor? memory)
    {
        using var change = Sum((Weight, denoised), (-Weight, reference)); // Sum is safe beside a garbage collection
        using TorchSharp.Scalar low = -0.5, high = 0.5; // held while libtorch reads them
        using var clipped = change.clamp(low, high);
        return Sum((1, reference), (1, clipped));
    }
}
