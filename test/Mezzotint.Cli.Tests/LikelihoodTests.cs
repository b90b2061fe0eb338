using System.Text.Json;
using Mezzotint.Evaluation;

namespace Mezzotint.Cli.Tests;

public sealed class LikelihoodTests : IDisposable
{
    private readonly ScratchFolder _scratch = new();
    private readonly string _model;

    public LikelihoodTests() => _model = TinyTraining.WriteModel(_scratch["model"]);

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Likelihood_says_its_figure_its_error_and_its_convention()
    {
        var outcome = Command.Run("likelihood", _model, "--count", "3", "--steps", "4");
        Assert.Equal(0, outcome.ExitCode);
        string[] lines = outcome.Out.TrimEnd('\n').Split('\n');
        Assert.Matches(@"^-?\d+\.\d{4} bits/dim, standard error \d+\.\d{4}, on 3 images of strokes .+ in \d+\.\d s$", lines[0]);
        Assert.Equal($"{LikelihoodResult.Convention}: 0.0317", lines[1]);
    }

    [Fact]
    public void The_same_command_gives_the_same_figure_and_another_seed_another()
    {
        JsonElement Json(params string[] more) =>
            JsonDocument.Parse(Command.Run(["likelihood", _model, "--count", "2", "--steps", "3", "--json", .. more]).Out)
                .RootElement;
        var facts = Json();
        double bits = facts.GetProperty("bits_per_dimension").GetDouble();
        Assert.Equal((2, 784, 3, 1, 42, "hutchinson", "heun", "karras"), (
            facts.GetProperty("count").GetInt32(), facts.GetProperty("dimensions").GetInt32(),
            facts.GetProperty("steps").GetInt32(), facts.GetProperty("probes").GetInt32(),
            facts.GetProperty("seed").GetInt32(), facts.GetProperty("trace").GetString(),
            facts.GetProperty("sampler").GetString(), facts.GetProperty("levels").GetString()));
        Assert.Equal(LikelihoodResult.Convention, facts.GetProperty("convention").GetString());
        Assert.Equal(bits, Json().GetProperty("bits_per_dimension").GetDouble());
        Assert.NotEqual(bits, Json("--seed", "1").GetProperty("bits_per_dimension").GetDouble());
        Assert.NotEqual(bits, Json("--probes", "2").GetProperty("bits_per_dimension").GetDouble());
        Assert.Equal("dpmpp-2m", Json("--sampler", "dpmpp-2m", "--levels", "log-snr").GetProperty("sampler").GetString());
    }

    [Fact]
    public void Of_one_image_there_is_no_standard_error_and_the_exact_trace_has_no_probes()
    {
        var facts = JsonDocument.Parse(
            Command.Run("likelihood", _model, "--count", "1", "--steps", "1", "--sampler", "euler", "--trace", "exact", "--json")
                .Out).RootElement;
        Assert.Equal(
            (JsonValueKind.Null, JsonValueKind.Null),
            (facts.GetProperty("standard_error").ValueKind, facts.GetProperty("probes").ValueKind));
        Assert.Equal(1, facts.GetProperty("evaluations").GetInt32());
        Assert.Contains(
            "whose standard error is not known", Command.Run("likelihood", _model, "--count", "1", "--steps", "1").Out,
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_limit_is_that_of_the_figures_of_all_steps_and_of_half_of_them()
    {
        JsonElement Json(params string[] more) =>
            JsonDocument.Parse(Command.Run(["likelihood", _model, "--count", "2", "--json", .. more]).Out).RootElement;
        double Bits(JsonElement facts) => facts.GetProperty("bits_per_dimension").GetDouble();
        var facts = Json("--steps", "8", "--extrapolate");
        double whole = Bits(facts), half = Bits(Json("--steps", "4"));
        Assert.Equal(whole, Bits(Json("--steps", "8")));
        Assert.Equal(whole + (whole - half) / 3, facts.GetProperty("limit").GetDouble(), 4); // heun is of order 2
        Assert.Equal(Math.Abs(whole - half) / 3, facts.GetProperty("limit_error").GetDouble(), 4);
        var outcome = Command.Run("likelihood", _model, "--count", "2", "--steps", "8", "--extrapolate");
        Assert.Matches(@"^-?\d+\.\d{4} bits/dim in the limit of ever more steps, within \d+\.\d{4}$", outcome.Out.Split('\n')[1]);
        Assert.Contains(
            "takes --steps 2 or more", Command.Run("likelihood", _model, "--steps", "1", "--extrapolate").Error,
            StringComparison.Ordinal);
        Assert.Contains(
            "chooses its steps by itself", Command.Run("likelihood", _model, "--sampler", "dopri5", "--extrapolate").Error,
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_bound_is_one_and_takes_no_options_of_a_walk()
    {
        var outcome = Command.Run("likelihood", _model, "--count", "3", "--steps", "20", "--bound");
        Assert.Equal(0, outcome.ExitCode);
        Assert.Matches(@"^-?\d+\.\d{4} bits/dim at most, standard error \d+\.\d{4}, on 3 images of strokes", outcome.Out);
        var facts = JsonDocument.Parse(
            Command.Run("likelihood", _model, "--count", "3", "--steps", "20", "--bound", "--json").Out).RootElement;
        Assert.Equal(
            (true, VariationalBound.Convention, JsonValueKind.Null, JsonValueKind.Null, 20, 60),
            (facts.GetProperty("bound").GetBoolean(), facts.GetProperty("convention").GetString(),
                facts.GetProperty("sampler").ValueKind,
                facts.GetProperty("trace").ValueKind,
                facts.GetProperty("steps").GetInt32(), facts.GetProperty("evaluations").GetInt32()));
        foreach (string[] option in (string[][])[["--probes", "2"], ["--sampler", "euler"], ["--extrapolate"]])
        {
            var refused = Command.Run(["likelihood", _model, "--bound", .. option]);
            Assert.Equal(1, refused.ExitCode);
            Assert.Contains($"{option[0]} belongs to the flow's walk", refused.Error, StringComparison.Ordinal);
        }
    }
}
