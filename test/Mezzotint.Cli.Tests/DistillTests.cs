using System.Text.Json;
using Mezzotint.Models;
using Mezzotint.Training;

namespace Mezzotint.Cli.Tests;

public sealed class DistillTests : IDisposable
{
    private static readonly string[] Small =
        [
            "--set", "data.train_count=256", "--set", "data.test_count=32", "--set", "training.batch_size=32", "--set",
            "training.epochs=1", "--set", "training.samples_per_label=1", "--set", "training.replicas=1",
        ];

    private readonly ScratchFolder _scratch = new();
    private readonly string _model;

    public DistillTests() => _model = TinyTraining.WriteModel(_scratch["models", "tiny"]);

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void A_model_is_distilled_and_draws_in_four_two_and_one_evaluations()
    {
        var outcome = Command.Run(["distill", _model, "--out", _scratch["run"], "--json", .. Small]);
        Assert.Equal(0, outcome.ExitCode);
        Assert.True(JsonDocument.Parse(outcome.Out).RootElement.GetProperty("finished").GetBoolean());

        var config = Configuration.Read(_scratch["run", "config.toml"]);
        Assert.IsType<ConsistencyTuning>(config.Distillation);
        Assert.Equal("strokes", config.Data.Name); // what the model was trained on
        Assert.True(File.Exists(_scratch["run", "samples", "epoch-001.png"]));
        Assert.Equal(ModelFolder.Hash(_model), ModelFolder.Hash(_scratch["run", "start"]));
        Assert.NotEqual(ModelFolder.Hash(_model), ModelFolder.Hash(_scratch["run", "model"]));

        var drawn = JsonDocument.Parse(
            Command.Run("sample", _scratch["run"], "--label", "3", "--count", "1", "--out", _scratch["four.png"], "--json")
                .Out).RootElement;
        Assert.Equal(("lcm", 4), (drawn.GetProperty("sampler").GetString(), drawn.GetProperty("steps").GetInt32()));
        var once = JsonDocument.Parse(
            Command.Run(
                "sample", _scratch["run"], "--label", "3", "--count", "1", "--levels", "9.8", "--out", _scratch["one.png"],
                "--json").Out).RootElement;
        Assert.Equal(1, once.GetProperty("steps").GetInt32());
        Assert.Equal(
            0,
            Command.Run(
                "sample", _scratch["run"], "--label", "3", "--count", "1", "--levels", "9.8,0.8", "--out",
                _scratch["two.png"]).ExitCode);
    }

    [Fact]
    public void A_student_learns_the_paths_of_a_teacher_which_its_run_keeps_and_refuses_a_teacher_of_another_kind()
    {
        string other = TinyTraining.WriteModel(_scratch["models", "other"], seed: 5);
        Assert.Equal(0, Command.Run(["distill", _model, "--teacher", other, "--out", _scratch["run"], .. Small]).ExitCode);
        var config = Configuration.Read(_scratch["run", "config.toml"]);
        Assert.Equal(7, Assert.IsType<ConsistencyDistillation>(config.Distillation).Doublings);
        Assert.Equal(ModelFolder.Hash(_model), ModelFolder.Hash(_scratch["run", "start"]));
        Assert.Equal(ModelFolder.Hash(other), ModelFolder.Hash(_scratch["run", "teacher"]));
        Assert.Equal(0, Command.Run("train", "--resume", "--out", _scratch["run"]).ExitCode);
        Assert.Equal(ModelFolder.Hash(other), ModelFolder.Hash(_scratch["run", "teacher"]));
        using var student = ModelFolder.Read(_scratch["run", "model"]);
        Assert.Equal("lcm", student.Info.Sampling.Sampler);

        Directory.Delete(_scratch["run", "teacher"], recursive: true);
        Assert.Contains(
            "needs a teacher",
            Command.Run("train", "--resume", "--out", _scratch["run"]).ErrorLine,
            StringComparison.Ordinal);

        string deeper = TinyTraining.WriteModel(_scratch["models", "deeper"], blocks: 2);
        var refused = Command.Run(["distill", _model, "--teacher", deeper, "--out", _scratch["no"], .. Small]);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("has another network, process or parameterisation", refused.ErrorLine, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_scratch["no"]));
    }

    [Fact]
    public void Training_begins_with_another_models_weights_and_refuses_those_of_another_shape()
    {
        _scratch.Write("tiny.toml", TinyTraining.Toml);
        Assert.Equal(
            0,
            Command.Run(
                "train", _scratch["tiny.toml"], "--from", _model, "--out", _scratch["run"], "--set", "training.epochs=1", "--set",
                "training.learning_rate=1e-12").ExitCode);
        // Steps that small leave the weights where they were, to the last digits.
        using var start = ModelFolder.Read(_model);
        using var trained = ModelFolder.Read(_scratch["run", "model"]);
        foreach (var (mine, theirs) in start.Network.named_parameters().Zip(trained.Network.named_parameters()))
            Assert.True(mine.parameter.allclose(theirs.parameter, 1e-5, 1e-6), mine.name);

        var refused = Command.Run(
            "train", _scratch["tiny.toml"], "--from", _model, "--out", _scratch["other"], "--set", "model.model_channels=64");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("of another shape than the configuration's [model]", refused.ErrorLine, StringComparison.Ordinal);
        Assert.Contains(
            "is for the beginning of a run",
            Command.Run("train", _scratch["tiny.toml"], "--from", _model, "--resume", "--out", _scratch["run"]).ErrorLine,
            StringComparison.Ordinal);
    }
}
