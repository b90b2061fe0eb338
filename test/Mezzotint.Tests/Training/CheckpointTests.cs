using System.Globalization;
using CsCheck;
using Mezzotint.Formats;
using Mezzotint.Tests.Formats;
using Mezzotint.Training;

namespace Mezzotint.Tests.Training;

public class CheckpointTests
{
    private static readonly Checkpoint Sample = new()
    {
        Step = 1234, EpochsReported = 5, EpochLoss = 1.0 / 3, SinceLog = (0.1 + 0.2, 7), Elapsed = TimeSpan.FromSeconds(12.25),
        Tensors = new Dictionary<string, TensorData>
        {
            ["weights"] = new(ElementType.Float32, [2, 3], Enumerable.Range(1, 24).Select(i => (byte)i).ToArray()),
            ["first_moment"] = new(ElementType.Float32, [1], new byte[4]),
        },
    };

    [Fact]
    public void What_is_written_is_read_to_the_bit()
    {
        using var folder = new TemporaryFolder();
        Sample.Write(folder.File("a"));
        var read = Checkpoint.Read(folder.File("a"));
        Assert.Equal(
            (Sample.Step, Sample.EpochsReported, Sample.EpochLoss, Sample.SinceLog, Sample.Elapsed),
            (read.Step, read.EpochsReported, read.EpochLoss, read.SinceLog, read.Elapsed));
        Assert.Equal(Sample.Tensors.Keys.Order(StringComparer.Ordinal), read.Tensors.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, tensor) in Sample.Tensors)
        {
            Assert.Equal(tensor.Shape, read.Tensors[name].Shape);
            Assert.Equal(tensor.Bytes.ToArray(), read.Tensors[name].Bytes.ToArray());
        }
    }

    [Fact]
    public void A_file_without_checkpoint_metadata_is_no_checkpoint()
    {
        using var folder = new TemporaryFolder();
        SafetensorsFile.Write(folder.File("a"), Sample.Tensors);
        Assert.Contains(
            "is not a checkpoint: its metadata have no 'format'", Refusal(folder.File("a")), StringComparison.Ordinal);
        Assert.Contains("Cannot read", Refusal(folder.File("none")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_changed_byte_of_a_tensor_is_found_by_the_hash()
    {
        using var folder = new TemporaryFolder();
        Sample.Write(folder.File("a"));
        byte[] bytes = File.ReadAllBytes(folder.File("a"));
        bytes[^3] ^= 1;
        File.WriteAllBytes(folder.File("a"), bytes);
        Assert.Contains("the hash of its contents", Refusal(folder.File("a")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("step", "8")]
    [InlineData("epoch_loss", "0.5")]
    public void A_changed_number_is_found_by_the_hash(string key, string value)
    {
        using var folder = new TemporaryFolder();
        WriteWith(folder.File("a"), key, value);
        Assert.Contains("the hash of its contents", Refusal(folder.File("a")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("format", "mezzotint checkpoint 2")]
    [InlineData("format", "mezzotint\ncheckpoint 1")]
    [InlineData("step", "-1")]
    [InlineData("step", "1e3")]
    [InlineData("step", "99999999999999999999")]
    [InlineData("epochs_reported", "2147483648")]
    [InlineData("epoch_loss", "NaN")]
    [InlineData("epoch_loss", "Infinity")]
    [InlineData("log_loss", "1e999")]
    [InlineData("log_loss", "-0.5")]
    [InlineData("log_steps", "")]
    [InlineData("elapsed_seconds", "a while")]
    [InlineData("sha256", "0123")]
    [InlineData("epoch_loss", null)]
    public void Metadata_that_cannot_be_are_refused_by_name(string key, string? value)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("a");
        WriteWith(path, key, value);
        string message = Refusal(path);
        Assert.Contains(path, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
        if (key is not "sha256" and not "format")
            Assert.Contains($"'{key}'", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Any_metadata_make_a_checkpoint_of_sane_numbers_or_a_clear_error()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("a");
        string[] keys = [.. Metadata.Value.Keys];
        var value = Gen.OneOf(
            Gen.String[0, 12], Gen.Double.Select(x => x.ToString("R", CultureInfo.InvariantCulture)),
            Gen.Long.Select(x => x.ToString(CultureInfo.InvariantCulture)));
        Gen.Select(Gen.Int[0, keys.Length - 1], value).Sample((key, text) =>
        {
            WriteWith(path, keys[key], text.Any(char.IsSurrogate) ? "?" : text);
            AssertSaneOrRefused(path);
        }, iter: 300, threads: 1);
    }

    [Fact]
    public void Damaged_bytes_make_a_checkpoint_of_sane_numbers_or_a_clear_error()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("a");
        Sample.Write(path);
        byte[] whole = File.ReadAllBytes(path);
        Gen.Select(Gen.Int[0, whole.Length - 1], Gen.Byte, Gen.Int[0, 2 * whole.Length]).Sample((at, value, length) =>
        {
            byte[] bytes = [.. whole];
            bytes[at] = value;
            File.WriteAllBytes(path, bytes.AsSpan(0, Math.Min(length, bytes.Length)));
            AssertSaneOrRefused(path);
        }, iter: 500, threads: 1);
    }

    private static void AssertSaneOrRefused(string path)
    {
        try
        {
            var read = Checkpoint.Read(path);
            Assert.True(read.Step >= 0 && read.EpochsReported >= 0 && read.SinceLog.Steps >= 0 && read.Elapsed >= TimeSpan.Zero);
            Assert.True(double.IsFinite(read.EpochLoss) && double.IsFinite(read.SinceLog.Loss));
        }
        catch (MezzotintException error)
        {
            Assert.DoesNotContain('\n', error.Message);
        }
    }

    private static string Refusal(string path) => Assert.Throws<MezzotintException>(() => Checkpoint.Read(path)).Message;

    private static readonly Lazy<Dictionary<string, string>> Metadata = new(() =>
    {
        using var folder = new TemporaryFolder();
        Sample.Write(folder.File("a"));
        return SafetensorsFile.Read(folder.File("a")).Metadata.ToDictionary();
    });

    private static void WriteWith(string path, string key, string? value)
    {
        var metadata = Metadata.Value.ToDictionary();
        metadata.Remove(key);
        if (value is not null)
            metadata[key] = value;
        using var stream = File.Create(path);
        SafetensorsFile.Write(stream, Sample.Tensors, metadata);
    }
}
