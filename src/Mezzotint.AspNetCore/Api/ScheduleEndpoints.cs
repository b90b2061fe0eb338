using Mezzotint.Noise;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Mezzotint.AspNetCore.Api;

/// <summary><c>GET /api/schedule</c>: how the processes of the library mix signal and noise over their time, and the levels that
/// a sampler of the model walks over.</summary>
internal sealed class ScheduleEndpoints(ServedModels models, MezzotintOptions options)
{
    /// <summary>Points of a curve.</summary>
    private const int Points = 65;

    private static readonly (string Name, NoiseProcess Process)[] Processes =
    [
        ("ve", new VarianceExploding()), ("vp, linear", new VariancePreserving()),
        ("vp, cosine", new VariancePreserving { Schedule = new CosineSchedule() }), ("sub-vp", new SubVariancePreserving()),
        ("edm", new Edm()), ("flow", new FlowMatching()),
    ];

    public void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/api/schedule", (HttpRequest request) => Results.Json(Answer(request), ApiJson.Default.ScheduleAnswer))
            .WithSummary("Alpha, sigma and log-SNR of the noise processes, and the levels of a sampler: model, levels, steps.")
            .Produces<ScheduleAnswer>().ProducesProblem(400).ProducesProblem(404)
            .WithQuery(
                QueryField.Model,
                QueryField.Text("levels", "How the levels are spread; the model's own unless told otherwise."),
                QueryField.Whole("steps", "Steps; the model's own unless told otherwise.", 1, options.MaxSteps));

    private ScheduleAnswer Answer(HttpRequest request)
    {
        var fields = RequestFields.OfForm(request.Query);
        var model = models.Find(fields.Text("model", 200));
        string levels = fields.Text("levels", 1000) ?? model.Info.Sampling.Levels;
        int steps = (int)(fields.Whole("steps", 1, options.MaxSteps) ?? Math.Min(model.Info.Sampling.Steps, options.MaxSteps));
        fields.RefuseOthers();
        var process = model.Info.Process;
        double[] walked;
        try
        {
            walked = NoiseLevels.Named(levels, process, steps);
        }
        catch (MezzotintException wrong)
        {
            throw ApiError.Invalid(wrong.Key?.Split('.')[0] is "steps" ? "steps" : "levels", wrong.Message);
        }
        double Alpha(double level) => process.Alpha(process.Time(level));
        return new(
            [Curve(model.Name, process), .. Processes.Select(each => Curve(each.Name, each.Process))],
            levels, steps, process.MinimumLevel, process.MaximumLevel, walked, [.. walked.Select(Alpha)],
            [.. walked.Select(level => level * Alpha(level))],
            [.. walked.Select(level => level > 0 ? (double?)-Math.Log(level) : null)]);
    }

    /// <summary>From the least noise to the most.</summary>
    private static ProcessCurve Curve(string name, NoiseProcess process)
    {
        double[] times = process.Times(Points);
        Array.Reverse(times);
        return new(
            name, times, [.. times.Select(process.Alpha)], [.. times.Select(process.Std)], [.. times.Select(process.HalfLogSnr)]);
    }
}

/// <summary>The answer to GET /api/schedule.</summary>
/// <param name="Processes">The model's, by the model's name; then those of the library with their defaults.</param>
/// <param name="Levels">How the levels are spread.</param>
/// <param name="Steps">Steps of the sampler.</param>
/// <param name="Least">The least level of the model's process.</param>
/// <param name="Most">Its most.</param>
/// <param name="Sigma">The levels of the walk, falling, one more than steps: the ratio of noise to signal.</param>
/// <param name="Alpha">The factor of the picture at each.</param>
/// <param name="Std">The standard deviation of the noise at each, in the process's own coordinates.</param>
/// <param name="HalfLogSnr">ln(alpha / std) at each; null at level 0.</param>
internal sealed record ScheduleAnswer(
    IReadOnlyList<ProcessCurve> Processes, string Levels, int Steps, double Least, double Most, IReadOnlyList<double> Sigma,
    IReadOnlyList<double> Alpha, IReadOnlyList<double> Std, IReadOnlyList<double?> HalfLogSnr);

/// <summary>A process over its time.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Time">Times, growing.</param>
/// <param name="Alpha">The factor of the picture.</param>
/// <param name="Std">The standard deviation of the noise.</param>
/// <param name="HalfLogSnr">ln(alpha / std).</param>
internal sealed record ProcessCurve(
    string Name, IReadOnlyList<double> Time, IReadOnlyList<double> Alpha, IReadOnlyList<double> Std,
    IReadOnlyList<double> HalfLogSnr);
