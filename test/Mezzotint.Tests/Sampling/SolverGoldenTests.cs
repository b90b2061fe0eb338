using System.Text.Json;
using Mezzotint.Sampling;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Sampling;

/// <summary>Golden numbers: Golden/solvers/make_solver_fixture.py, an independent float64 program from the papers, mostly in VP
/// coordinates.</summary>
public class SolverGoldenTests
{
    private static readonly JsonElement Golden = JsonDocument.Parse(
        File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", "solvers", "solvers.json"))).RootElement;

    public static TheoryData<string> Cases { get; } =
    [
        .. Golden.GetProperty("states").EnumerateObject().Select(entry => entry.Name),
    ];

    [Theory, MemberData(nameof(Cases))]
    public void Every_state_agrees_with_the_papers(string name)
    {
        using var scope = NewDisposeScope();
        var solver = name == "dopri5" ? Solvers.Dopri5(1e-11, 1e-11) : SolverCases.All[name];
        double tolerance = name == "dopri5" ? 1e-9 : 1e-11;
        var draws = new Queue<Tensor>(Golden.GetProperty("draws").EnumerateArray().Select(Image));
        var input = new SolverInput
        {
            Denoiser = GaussianMixtureDenoiser.TwoModes,
            Levels = [.. Golden.GetProperty("levels").EnumerateArray().Select(level => level.GetDouble())],
            X = Image(Golden.GetProperty("start")),
            Noise = (_, _) => draws.Dequeue(),
        };
        var states = Golden.GetProperty("states").GetProperty(name);
        foreach (var step in solver.Walk(input))
        {
            double error = (step.X - Image(states[step.Index])).abs().max().item<double>();
            Assert.True(error < tolerance * input.Levels[0], $"step {step.Index}: {error:e2}");
        }
    }

    [Fact]
    public void Every_named_solver_has_golden_values() =>
        Assert.Empty(
            Solvers.All.Select(solver => solver.Name)
                .Except(Golden.GetProperty("states").EnumerateObject().Select(entry => entry.Name)));

    private static Tensor Image(JsonElement rows) => // [2, 1, 1, 2]
        tensor(
            [.. rows.EnumerateArray().SelectMany(row => row.EnumerateArray()).Select(value => value.GetDouble())], [2, 1, 1, 2],
            dtype: float64);
}
