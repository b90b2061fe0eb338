using System.Text.Json;

namespace Mezzotint.Cli.Tests;

public class SamplersTests
{
    [Theory]
    [InlineData(1, 1, 1, 1, 1)]
    [InlineData(7, 7, 13, 8, 13)]
    [InlineData(500, 500, 999, 501, 999)]
    public void Evaluations_are_those_of_the_asked_steps(int steps, int euler, int heun, int plms, int corrected)
    {
        var facts = JsonDocument.Parse(Command.Run("samplers", "--steps", $"{steps}", "--json").Out).RootElement;
        Assert.Equal(steps, facts.GetProperty("steps").GetInt32());
        var evaluations = facts.GetProperty("samplers").EnumerateArray()
            .ToDictionary(row => row.GetProperty("name").GetString()!, row => row.GetProperty("evaluations"));
        Assert.Equal(
            (euler, heun, corrected),
            (evaluations["euler"].GetInt32(), evaluations["heun"].GetInt32(), evaluations["predictor-corrector"].GetInt32()));
        Assert.Equal(plms, evaluations["plms"].GetInt32());
        Assert.Equal(JsonValueKind.Null, evaluations["dopri5"].ValueKind);
    }

    [Fact]
    public void They_say_which_coordinates_they_take_and_which_one_is_chosen_where_nothing_is_said()
    {
        var facts = JsonDocument.Parse(Command.Run("samplers", "--json").Out).RootElement.GetProperty("samplers").EnumerateArray()
            .ToDictionary(row => row.GetProperty("name").GetString()!);
        Assert.Equal(
            ["own", "sigma", "log", "time", "flow"],
            facts["heun"].GetProperty("coordinates").EnumerateArray().Select(name => name.GetString()));
        Assert.Equal("coordinate = flow", facts["heun"].GetProperty("chosen").GetString());
        Assert.Empty(facts["ddpm"].GetProperty("coordinates").EnumerateArray());
        Assert.Equal("lower_order_final = true", facts["unipc"].GetProperty("chosen").GetString());
    }

    [Fact]
    public void Their_errors_are_one_table()
    {
        var outcome = Command.Run("samplers", "errors", "--process", "edm", "--levels", "flow");
        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains("| edm | flow | **heun** | flow |", outcome.Out, StringComparison.Ordinal);
        Assert.Contains("| edm | flow | dpmpp-3m | published |", outcome.Out, StringComparison.Ordinal);
        var mistake = Command.Run("samplers", "errors", "--process", "edn");
        Assert.Equal(1, mistake.ExitCode);
        Assert.Contains("did you mean 'edm'", mistake.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Unless_told_otherwise_they_are_of_20_steps()
    {
        var outcome = Command.Run("samplers");
        Assert.Contains("for 20 steps down to level 0", outcome.Out, StringComparison.Ordinal);
        Assert.Contains("for 1 step down to level 0", Command.Run("samplers", "--steps", "1").Out, StringComparison.Ordinal);
    }
}
