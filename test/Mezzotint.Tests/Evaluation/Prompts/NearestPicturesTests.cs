using Mezzotint.Data;
using Mezzotint.Evaluation;
using Mezzotint.Evaluation.Prompts;
using Mezzotint.Runtime;

namespace Mezzotint.Tests.Evaluation.Prompts;

public sealed class NearestPicturesTests : IDisposable
{
    private const int Side = 12;

    private readonly WorkerThreads _threads = new(2);

    public void Dispose() => _threads.Dispose();

    [Fact]
    public void By_embedding_it_is_the_point_of_the_least_angle_and_equal_points_are_equally_near()
    {
        Points all = Directions(0, 90, 90, 180), asked = Directions(80, 10, 45, 175);
        var found = NearestPictures.ByEmbedding(asked, all, [0, 3], _threads);
        Assert.Equal([[1, 2], [0], [0, 1, 2], [3]], found.Nearest);
        double[] degrees = [80, 10, 45, 5]; // to the nearest of the training points
        Assert.All(degrees.Zip(found.TrainSquares), pair =>
            Assert.Equal(2 - 2 * Math.Cos(pair.First * Math.PI / 180), pair.Second, 1e-12));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(2, -1)]
    [InlineData(-2, 2)]
    public void By_pixels_a_shift_of_up_to_two_does_not_count(int down, int right)
    {
        var all = Pictures(40, 0, 0);
        using var pixels = new ShiftedPixels(all);
        var found = NearestPictures.ByPixels(Pictures(40, down, right), pixels, [7], _threads);
        Assert.Equal(Enumerable.Range(0, 40).Select(i => (int[])[i]), found.Nearest);
        Assert.Equal(0, found.TrainSquares[7], 1e-3);
        Assert.All(found.TrainSquares.Where((_, i) => i != 7), square => Assert.InRange(square, 0.1, double.MaxValue));
    }

    [Fact]
    public void By_pixels_the_distance_is_the_least_over_all_shifts()
    {
        const int many = 300; // so many that most are left out by their bounds
        ImageSet all = Pictures(many, 0, 0), asked = Pictures(8, 3, 0); // a longer shift than is looked for
        using var pixels = new ShiftedPixels(all);
        int[] train = [.. Enumerable.Range(0, many).Where(i => i % 7 == 3)];
        var found = NearestPictures.ByPixels(asked, pixels, train, _threads);
        for (int i = 0; i < asked.Count; i++)
        {
            double[] squares = [.. Enumerable.Range(0, many).Select(j => Least(asked.Image(i), all.Image(j)))];
            Assert.Equal(Array.IndexOf(squares, squares.Min()), Assert.Single(found.Nearest[i]));
            Assert.Equal(train.Min(j => squares[j]), found.TrainSquares[i], 1e-3);
        }
    }

    private static double Least(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        double least = double.MaxValue;
        for (int down = -2; down <= 2; down++)
            for (int right = -2; right <= 2; right++)
            {
                double sum = 0;
                for (int y = 0; y < Side; y++)
                    for (int x = 0; x < Side; x++)
                    {
                        int at = Math.Clamp(y + down, 0, Side - 1) * Side + Math.Clamp(x + right, 0, Side - 1);
                        double difference = (a[at] - b[y * Side + x]) / 255.0;
                        sum += difference * difference;
                    }
                least = Math.Min(least, sum);
            }
        return least;
    }

    /// <summary>Squares of random greys in the middle of a white picture, moved.</summary>
    private static ImageSet Pictures(int count, int down, int right)
    {
        var random = new RandomStream(3);
        byte[] pixels = new byte[count * Side * Side];
        Array.Fill(pixels, (byte)255);
        for (int i = 0; i < count; i++)
            for (int y = 4; y < 8; y++)
                for (int x = 4; x < 8; x++)
                    pixels[(i * Side + y + down) * Side + x + right] = (byte)random.Below(256);
        return new ImageSet("squares", pixels, new byte[count], 1, Side, Side, []);
    }

    private static Points Directions(params double[] degrees) => new(
        [.. degrees.SelectMany(angle => new[] { Math.Cos(angle * Math.PI / 180), Math.Sin(angle * Math.PI / 180) })],
        degrees.Length, 2);
}
