using System.Globalization;
using Mezzotint.AspNetCore.Plane;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Mezzotint.AspNetCore.Api;

/// <summary><c>GET /api/toy</c> and <c>/api/toy/paths</c>: a distribution in the plane whose score is known exactly, and the
/// library's samplers in it.</summary>
internal sealed class ToyEndpoints(MezzotintOptions options, RequestQueue queue, Admission admission)
{
    private const int MostPoints = 64, MostSamplers = 6, MostParticles = 256, MostSteps = 100, MostPlaces = 16_384, MostGrid = 48;

    /// <summary>Starts whose ends are compared with the exact ones.</summary>
    private const int StartsOfErrors = 32;

    private static readonly int[] StepsOfErrors = [2, 4, 6, 8, 12, 16, 24, 32];

    /// <summary>A side of the field, from -Extent to Extent.</summary>
    private const double Extent = 2;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/toy", (Delegate)FieldAsync)
            .WithSummary("The exact score and density of a distribution in the plane, with noise of a level.").WithDescription(
                $"shape: {string.Join(", ", PlaneMixture.Shapes)}; or points: up to {MostPoints} as \"0.5,1;-0.2,0\". spread: "
                + "their standard deviation, 0.02 to 1. level: 0 to 10. grid: arrows each way, 2 to 48.")
            .Produces<PlaneField>().ProducesProblem(400).ProducesProblem(429).ProducesProblem(503)
            .WithQuery([
                .. Shape, QueryField.Number("level", "The level of noise; 0.5 unless told otherwise.", 0, 10),
                QueryField.Whole("grid", "Arrows each way; 20 unless told otherwise.", 2, MostGrid),
            ]);
        routes.MapGet("/api/toy/paths", (Delegate)PathsAsync)
            .WithSummary("Samplers from noise to that distribution, step by step, with their error.").WithDescription(
                "shape, points and spread as for /api/toy. samplers: up to 6, as \"euler,heun\". levels, steps: as for a "
                + "drawing. from: the level where they start, 0.05 to 10. x, y: one start there; else n starts of the noise of "
                + "seed. errors: whether the error over evaluations is told, against the exact solution of the probability "
                + "flow.")
            .Produces<PlanePaths>().ProducesProblem(400).ProducesProblem(429).ProducesProblem(503)
            .WithQuery([
                .. Shape, QueryField.Text("samplers", "Up to 6 with commas between; euler,heun unless told otherwise."),
                QueryField.Text("levels", "How the levels are spread; karras unless told otherwise."),
                QueryField.Whole("steps", "Steps; 10 unless told otherwise.", 1, Math.Min(MostSteps, options.MaxSteps)),
                QueryField.Number("from", "The level where they start; 10 unless told otherwise.", 0.05, 10),
                QueryField.Number("x", "With y, the one start.", -40, 40),
                QueryField.Number("y", "With x, the one start.", -40, 40),
                QueryField.Whole("n", "Starts from noise; 1 unless told otherwise.", 1, MostParticles),
                QueryField.Whole("seed", "Of that noise; 0 unless told otherwise.", 0, uint.MaxValue - MostParticles),
                QueryField.Flag("errors", "Whether the error over evaluations is told."),
            ]);
    }

    private static readonly QueryField[] Shape =
    [
        QueryField.Text("shape", $"{string.Join(", ", PlaneMixture.Shapes)}; {PlaneMixture.Shapes[0]} unless told otherwise."),
        QueryField.Text("points", $"In place of a shape, up to {MostPoints} points, as 0.5,1;-0.2,0."),
        QueryField.Number("spread", "Their standard deviation; 0.08 unless told otherwise.", 0.02, 1),
    ];

    private Task FieldAsync(HttpContext context) => AnswerAsync(context, (fields, stop) =>
    {
        var mixture = MixtureOf(fields);
        double level = fields.Number("level", 0, 10) ?? 0.5;
        int grid = (int)(fields.Whole("grid", 2, MostGrid) ?? 20);
        fields.RefuseOthers();
        return () => Field(mixture, level, grid, stop);
    }, ApiJson.Default.PlaneField);

    private Task PathsAsync(HttpContext context) => AnswerAsync(context, (fields, stop) =>
    {
        var asked = Asked.Read(fields, options);
        return () => Paths(asked, stop);
    }, ApiJson.Default.PlanePaths);

    /// <summary>Reads what is asked before it takes a place, and computes it with the place.</summary>
    private Task AnswerAsync<T>(
        HttpContext context, Func<RequestFields, CancellationToken, Func<T>> read,
        System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type) => admission.RunAsync(context, async stop =>
    {
        var work = read(RequestFields.OfForm(context.Request.Query), stop);
        using var place = queue.Enter(0, 0);
        Libtorch.Load();
        var answer = await Task.Run(work, stop).ConfigureAwait(false);
        await context.Response.WriteAsJsonAsync(answer, type, cancellationToken: stop).ConfigureAwait(false);
    });

    private static PlaneMixture MixtureOf(RequestFields fields)
    {
        string? points = fields.Text("points");
        string shape = fields.Choice("shape", [.. PlaneMixture.Shapes]) ?? PlaneMixture.Shapes[0];
        double spread = fields.Number("spread", 0.02, 1) ?? 0.08;
        return points is null ? PlaneMixture.Named(shape, spread) : new(Points(points), spread);
    }

    private static List<(double X, double Y)> Points(string text)
    {
        var found = text.Split(';').Select(pair => pair.Split(',')).Select(pair =>
            pair.Length == 2 && Coordinate(pair[0]) is { } x && Coordinate(pair[1]) is { } y ? (x, y) as (double, double)? : null)
            .ToList();
        return found.Count <= MostPoints && found.TrueForAll(point => point is not null)
            ? [.. found.Select(point => point!.Value)]
            : throw ApiError.Invalid(
                "points", $"'points' must be 1 to {MostPoints} points within {Extent} of the centre, each x and y with a comma, "
                + "and a semicolon between points, as 0.5,1;-0.2,0.");
    }

    private static double? Coordinate(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && Math.Abs(value) <= Extent
            ? value : null;

    private static PlaneField Field(PlaneMixture mixture, double level, int grid, CancellationToken stop)
    {
        var (scores, estimates, densities) = (new List<double>(), new List<double>(), new List<double>());
        for (int row = 0; row < grid; row++)
        {
            stop.ThrowIfCancellationRequested();
            for (int column = 0; column < grid; column++)
            {
                double Place(int i) => -Extent + 2 * Extent * (i + 0.5) / grid;
                var (estimate, score, density) = mixture.At(Place(column), Place(row), level);
                scores.AddRange([Rounded(score.X), Rounded(score.Y)]);
                estimates.AddRange([Rounded(estimate.X), Rounded(estimate.Y)]);
                densities.Add(Rounded(density));
            }
        }
        return new(Flat(mixture.Points), mixture.Spread, level, Extent, grid, scores, estimates, densities);
    }

    private static PlanePaths Paths(Asked asked, CancellationToken stop)
    {
        var walks = new PlaneWalks(asked.Mixture);
        double[] levels = asked.LevelsOf(asked.Steps);
        var starts = asked.Start is { } one ? [one] : PlaneWalks.Starts(levels[0], asked.Seed, asked.Count);
        var exact = walks.Exact(levels, starts, stop);
        return new(
            Flat(asked.Mixture.Points), Extent, levels, Told(exact, null),
            [.. asked.Samplers.Select(sampler => walks.Walk(sampler, levels, starts, asked.Seed, stop))
                .Select(walk => Told(walk, walk.Sampler.Stochastic ? null : PlaneWalks.Distance(walk, exact)))],
            asked.Errors ? [.. Errors(asked, walks, stop)] : null);
    }

    private static IEnumerable<PlaneErrors> Errors(Asked asked, PlaneWalks walks, CancellationToken stop)
    {
        var starts = PlaneWalks.Starts(asked.Process.MaximumLevel, asked.Seed, StartsOfErrors);
        double[] straight = [asked.Process.MaximumLevel, 0];
        var exact = walks.Exact(straight, starts, stop);
        foreach (var sampler in asked.Samplers.Where(sampler => sampler is { Stochastic: false, Evaluations: not null }))
        {
            var found = StepsOfErrors.Select(steps => walks.Walk(sampler, asked.LevelsOf(steps), starts, asked.Seed, stop))
                .Select(walk => (walk.Evaluations, Error: PlaneWalks.Distance(walk, exact))).ToList();
            yield return new(
                sampler.Name, [.. found.Select(each => each.Evaluations)], [.. found.Select(each => Rounded(each.Error))]);
        }
    }

    private static PlanePath Told(PlaneWalk walk, double? error) => new(
        walk.Sampler.Name, walk.Evaluations, error is { } distance ? Rounded(distance) : null,
        [.. walk.Points.Select(at => Flat(at))]);

    private static List<double> Flat(IReadOnlyList<(double X, double Y)> points) =>
        [.. points.SelectMany(point => (double[])[Rounded(point.X), Rounded(point.Y)])];

    /// <summary>Five figures: less than a pixel of any picture.</summary>
    private static double Rounded(double value) => !double.IsFinite(value) || Math.Abs(value) < 1e-9 ? 0
        : double.Parse(value.ToString("G5", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    /// <summary>What is asked of the samplers.</summary>
    private sealed record Asked(
        PlaneMixture Mixture, IReadOnlyList<Solver> Samplers, string Levels, int Steps, (double X, double Y)? Start, long Seed,
        int Count, bool Errors, NoiseProcess Process)
    {
        public static Asked Read(RequestFields fields, MezzotintOptions options)
        {
            var mixture = MixtureOf(fields);
            string names = fields.Text("samplers", 200) ?? "euler,heun";
            string levels = fields.Text("levels", 100) ?? "karras";
            int steps = (int)(fields.Whole("steps", 1, Math.Min(MostSteps, options.MaxSteps)) ?? 10);
            double? x = fields.Number("x", -40, 40), y = fields.Number("y", -40, 40);
            int count = (int)(fields.Whole("n", 1, MostParticles) ?? 1);
            long seed = fields.Whole("seed", 0, uint.MaxValue - MostParticles) ?? 0;
            bool errors = fields.Flag("errors");
            double from = fields.Number("from", 0.05, 10) ?? 10;
            fields.RefuseOthers();
            if (x is null != y is null)
                throw ApiError.Missing(x is null ? "x" : "y");
            string[] asked = names.Split(',');
            if (asked.Length > MostSamplers)
                throw ApiError.Invalid("samplers", $"'samplers' names {asked.Length}; at most {MostSamplers} are compared.");
            if (steps * count * asked.Length > MostPlaces)
                throw ApiError.Invalid("n", $"{count} starts, {steps} steps and {asked.Length} samplers are more than "
                    + $"{MostPlaces} places: ask for fewer.");
            var found = new Asked(
                mixture, [.. asked.Select(name => Named(name.Trim(), PlaneWalks.From(from)))], levels, steps,
                x is { } at ? (at, y!.Value) : null, seed, count, errors, PlaneWalks.From(from));
            found.LevelsOf(steps);
            return found;
        }

        public double[] LevelsOf(int steps)
        {
            try
            {
                return NoiseLevels.Named(Levels, Process, steps);
            }
            catch (MezzotintException wrong)
            {
                throw ApiError.Invalid("levels", wrong.Message);
            }
        }

        private static Solver Named(string name, NoiseProcess process)
        {
            try
            {
                return Solvers.Named(name, process);
            }
            catch (MezzotintException wrong)
            {
                throw ApiError.Invalid("samplers", wrong.Message);
            }
        }
    }
}

/// <summary>The answer to GET /api/toy.</summary>
/// <param name="Points">The means of the mixture: x, y, x, y and so on, y upwards.</param>
/// <param name="Spread">The standard deviation around each.</param>
/// <param name="Level">The standard deviation of the noise.</param>
/// <param name="Extent">The field is from -extent to extent, both ways.</param>
/// <param name="Grid">Places of a row and of a column.</param>
/// <param name="Score">The score at the middle of each place, x and y: row by row from the lowest y, in each from the lowest
/// x.</param>
/// <param name="Denoised">D there, likewise.</param>
/// <param name="LogDensity">ln p at each place.</param>
internal sealed record PlaneField(
    IReadOnlyList<double> Points, double Spread, double Level, double Extent, int Grid, IReadOnlyList<double> Score,
    IReadOnlyList<double> Denoised, IReadOnlyList<double> LogDensity);

/// <summary>The answer to GET /api/toy/paths.</summary>
/// <param name="Points">The means of the mixture.</param>
/// <param name="Extent">Where they are.</param>
/// <param name="Levels">The levels that are walked over, falling to 0.</param>
/// <param name="Exact">The probability flow, solved to 1e-9.</param>
/// <param name="Paths">What each sampler walks.</param>
/// <param name="Errors">The error of each sampler over evaluations; none where it was not asked for, and of samplers that draw
/// noise or choose their own steps.</param>
internal sealed record PlanePaths(
    IReadOnlyList<double> Points, double Extent, IReadOnlyList<double> Levels, PlanePath Exact, IReadOnlyList<PlanePath> Paths,
    IReadOnlyList<PlaneErrors>? Errors);

/// <summary>A sampler's way.</summary>
/// <param name="Sampler">Its name.</param>
/// <param name="Evaluations">How often it asked for D.</param>
/// <param name="Error">The root mean square distance of where it ends from the exact end; none where it draws noise.</param>
/// <param name="At">At each level the points: x, y, x, y and so on.</param>
internal sealed record PlanePath(string Sampler, int Evaluations, double? Error, IReadOnlyList<IReadOnlyList<double>> At);

/// <summary>Errors of a sampler over evaluations.</summary>
/// <param name="Sampler">Its name.</param>
/// <param name="Evaluations">How often it asked for D.</param>
/// <param name="Error">The root mean square distance of 32 ends from the exact ones.</param>
internal sealed record PlaneErrors(string Sampler, IReadOnlyList<int> Evaluations, IReadOnlyList<double> Error);
