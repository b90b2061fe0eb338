using System.Text.Json;
using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Runtime;

namespace Mezzotint.Tests.Evaluation;

/// <summary>Every figure against NumPy and SciPy: Golden/evaluation/make_evaluation_fixture.py says how.</summary>
public sealed class EvaluationGoldenTests : IDisposable
{
    private static readonly JsonElement Golden = JsonDocument.Parse(
        File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", "evaluation", "evaluation.json"))).RootElement;

    private readonly WorkerThreads _threads = new(2);

    public void Dispose() => _threads.Dispose();

    [Fact]
    public void Moments_are_those_of_numpy()
    {
        var moments = Moments.Of(Named("a"));
        AssertClose(Numbers("mean_a"), moments.Mean, 1e-14);
        AssertClose(Numbers("covariance_a"), moments.Covariance, 1e-13);
    }

    [Theory]
    [InlineData("frechet_a_b", "a", "b")]
    [InlineData("frechet_few_b", "few", "b")] // a singular covariance: a root of the plain product is off by 1e-8 there
    public void Frechet_distance_is_that_of_scipy(string golden, string first, string second)
    {
        double tolerance = golden == "frechet_few_b" ? 1e-6 : 1e-12;
        Assert.Equal(Number(golden), FrechetDistance.Between(Named(first), Named(second)), tolerance);
        Assert.Equal(Number(golden), FrechetDistance.Between(Named(second), Named(first)), tolerance);
    }

    [Fact]
    public void Kernel_distance_and_its_error_are_those_over_explicit_pairs()
    {
        var estimate = new KernelDistance(Named("b"), _threads).To(Named("a"));
        Assert.Equal(Number("kernel_a_b"), estimate.Value, 1e-12);
        Assert.Equal(Number("kernel_error_a_b"), estimate.StandardError, 1e-12);
    }

    [Fact]
    public void Precision_and_recall_are_those_over_explicit_pairs() =>
        Assert.Equal(
            new PrecisionRecall(Number("precision_a_b"), Number("recall_a_b")),
            PrecisionRecall.Of(Named("a"), Named("b"), _threads));

    [Fact]
    public void Vendi_score_is_that_of_numpy()
    {
        Assert.Equal(Number("vendi_a"), Diversity.VendiScore(Named("a"), 4), 1e-9);
        Assert.Equal(Number("vendi_b"), Diversity.VendiScore(Named("b"), 1.5), 1e-9);
        Assert.Equal(Number("total_variance_a"), Diversity.TotalVariance(Named("a")), 1e-12);
    }

    [Fact]
    public void Principal_components_are_those_of_a_singular_value_decomposition()
    {
        var (coarse, fine) = PixelComponents.Of(Images("images"), _threads).Project(Images("others"), _threads);
        Assert.Null(fine); // images of 12 pixels have no more than the coarse components
        AssertClose(
            Golden.GetProperty("components").EnumerateArray().SelectMany(Row), [.. coarse.Values.Select(Math.Abs)], 1e-12);
    }

    [Fact]
    public void Nearest_images_and_percentiles_are_those_of_numpy()
    {
        var nearest = NearestImage.Of(Images("others"), Images("images"), _threads);
        Assert.Equal(Numbers("nearest").Select(index => (int)index), nearest.Select(image => image.Index));
        AssertClose(Numbers("nearest_distance"), [.. nearest.Select(image => image.Distance)], 1e-14);
        AssertClose(
            Numbers("percentiles"),
            [
                .. new double[] { 0, 1, 30, 50, 100 }.Select(percent =>
                    Memorisation.PercentileOf([.. nearest.Select(image => image.Distance)], percent)),
            ],
            1e-14);
    }

    private static double Number(string name) => Golden.GetProperty(name).GetDouble();

    private static double[] Numbers(string name) => Row(Golden.GetProperty(name));

    private static double[] Row(JsonElement row) => [.. row.EnumerateArray().Select(value => value.GetDouble())];

    private static Points Named(string name)
    {
        var rows = Golden.GetProperty(name).EnumerateArray().Select(Row).ToList();
        return new Points([.. rows.SelectMany(row => row)], rows.Count, rows[0].Length);
    }

    private static ImageSet Images(string name)
    {
        var rows = Golden.GetProperty(name).EnumerateArray().Select(row => row.EnumerateArray().Select(value => value.GetByte()))
            .ToList();
        return new ImageSet(name, [.. rows.SelectMany(row => row)], new byte[rows.Count], 1, 3, 4, ["any"]);
    }

    private static void AssertClose(IEnumerable<double> expected, double[] actual, double tolerance)
    {
        double[] wanted = [.. expected];
        Assert.Equal(wanted.Length, actual.Length);
        for (int i = 0; i < wanted.Length; i++)
            Assert.Equal(wanted[i], actual[i], tolerance);
    }
}
