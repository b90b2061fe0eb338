#:project ../src/Mezzotint/Mezzotint.csproj
// A prompt reader of one's own: a model that understands Roman numerals.
//
//     dotnet run samples/PromptReader.cs -- FOLDER

using Mezzotint;
using Mezzotint.Data;
using Mezzotint.Networks;
using Mezzotint.Runs;
using Mezzotint.Serving;
using Mezzotint.Settings;
using Mezzotint.Text;
using Mezzotint.Training;

string folder = args is [var named] ? named : "own-prompts";
SettingsKinds.Register<PromptReader, RomanPrompts>("roman"); // configurations and model folders name it so

var config = new ExperimentConfig
{
    Data = new() { Name = "strokes" },
    Prompts = new RomanPrompts(),
    Training = new() { Epochs = 1, BatchSize = 16, SamplesPerLabel = 0 },
    Sampling = new() { Sampler = "heun", Levels = "karras", Steps = 10 },
};
var (train, test) = (DataSource.Load("strokes", limit: 32), DataSource.Load("strokes", train: false, limit: 16));
using (var run = RunFolder.Open(folder))
    Console.WriteLine($"{new TrainingRun(config, run, train, test).Run().Step} steps");

using var pipeline = DiffusionPipeline.Load(Path.Combine(folder, "model"));
Console.WriteLine($"VII is the class {pipeline.LabelOf("VII")}");
pipeline.Generate("VII", new() { Count = 4, Seed = 1 }).SavePng(Path.Combine(folder, "sevens.png"));

/// <summary>Prompts from I to IX.</summary>
internal sealed record RomanPrompts : PromptReader
{
    private static readonly string[] Numerals = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"];

    public override Condition Read(IReadOnlyList<string> prompts, IReadOnlyList<string> classNames) =>
        Condition.OfLabels(prompts.Select(Label));

    private static int Label(string prompt) =>
        Array.IndexOf(Numerals, prompt.Trim().ToUpperInvariant()) is >= 0 and var at ? at + 1
        : throw new InvalidRequestException($"'{prompt}' is no Roman numeral from I to IX.") { Key = "prompt" };
}
