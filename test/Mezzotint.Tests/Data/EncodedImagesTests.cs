using Mezzotint.Data;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Tests.Training;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Data;

/// <summary>Sets that are encoded once.</summary>
public sealed class EncodedImagesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mezzotint-encoded-").FullName;
    private readonly string? _cache = Environment.GetEnvironmentVariable("MEZZOTINT_CACHE");

    public EncodedImagesTests() => Environment.SetEnvironmentVariable("MEZZOTINT_CACHE", Path.Combine(_folder, "cache"));

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("MEZZOTINT_CACHE", _cache);
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void A_set_is_encoded_once_and_read_from_the_cache_to_the_bit()
    {
        using var scope = NewDisposeScope();
        var (codec, autoencoder) = Open();
        using var owned = autoencoder;
        var indices = tensor([7L, 0, 19]);
        var first = Read(codec, indices);
        Assert.Equal([3, 4, 4, 4], first.shape); // mean and deviation of two channels
        string file = Assert.Single(Directory.GetFiles(Path.Combine(_folder, "cache", "latents")));
        var (mean, std) = codec.Distribution(new ResidentImages(SmallExperiment.Train, CPU).Batch(indices).Images);
        TensorAssert.Close(cat([mean, std], 1), first, 1e-5);

        long written = File.GetLastWriteTimeUtc(file).Ticks;
        Assert.True(first.equal(Read(codec, indices)).all().item<bool>());
        Assert.Equal(written, File.GetLastWriteTimeUtc(file).Ticks);
    }

    [Fact]
    public void A_cache_that_was_cut_off_is_made_again_and_a_damaged_one_is_named()
    {
        using var scope = NewDisposeScope();
        var (codec, autoencoder) = Open();
        using var owned = autoencoder;
        var indices = tensor([7L, 0, 19]);
        var first = Read(codec, indices);
        string file = Assert.Single(Directory.GetFiles(Path.Combine(_folder, "cache", "latents")));
        byte[] whole = File.ReadAllBytes(file);
        File.WriteAllBytes(file, whole[..^40]);
        Assert.True(first.equal(Read(codec, indices)).all().item<bool>());
        Assert.Equal(whole, File.ReadAllBytes(file));

        byte[] damaged = [.. whole];
        damaged[100] ^= 1;
        File.WriteAllBytes(file, damaged);
        var error = Assert.Throws<MezzotintException>(() => Read(codec, indices));
        Assert.Contains($"'{file}', where encoded pictures are kept, is damaged", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Windows does not let a file be replaced that the other one has open.</summary>
    [Fact]
    public void Where_another_process_was_first_and_keeps_its_file_that_is_read()
    {
        using var scope = NewDisposeScope();
        var (codec, autoencoder) = Open();
        using var owned = autoencoder;
        var indices = tensor([7L, 0, 19]);
        var first = Read(codec, indices);
        string file = Assert.Single(Directory.GetFiles(Path.Combine(_folder, "cache", "latents")));
        byte[] theirs = File.ReadAllBytes(file);
        File.Delete(file);
        AtomicFile.BeforeStep = (step, path) =>
        {
            if (step != "rename")
                return;
            File.WriteAllBytes(path, theirs);
            throw new IOException("another process has it open");
        };
        try
        {
            Assert.True(first.equal(Read(codec, indices)).all().item<bool>());
        }
        finally
        {
            AtomicFile.BeforeStep = null;
        }
        Assert.Equal([file], Directory.GetFiles(Path.Combine(_folder, "cache", "latents")));
    }

    [Fact]
    public void Latents_of_a_batch_are_drawn_anew_for_each_step()
    {
        using var scope = NewDisposeScope();
        var draw = new Mezzotint.Training.NoiseDraw(zeros(2, 6), zeros(2, 3, 4, 4), Code: ones(2, 3, 4, 4));
        var moments = cat([full([2, 3, 4, 4], 5.0f), full([2, 3, 4, 4], 0.5f)], 1);
        Assert.Equal(5.5, draw.Numbers(moments).mean().item<float>(), 1e-6);
        Assert.Equal(5, (draw with { Code = null }).Numbers(moments).mean().item<float>(), 1e-6);
        Assert.Equal(7, draw.Numbers(full([2, 3, 4, 4], 7.0f)).mean().item<float>(), 1e-6); // numbers that are no distribution
    }

    private (ImageCodec Codec, LoadedAutoencoder Autoencoder) Open()
    {
        using (var network = new Autoencoder(new()
        {
            InChannels = 1, OutChannels = 1, LatentChannels = 2, BlockOutChannels = [8, 16], NormNumGroups = 4,
        }, seed: 4))
            AutoencoderFolder.Write(Path.Combine(_folder, "vae"), network, new());
        var (codec, autoencoder) = LatentFolder.Open(new LatentCodec { Autoencoder = Path.Combine(_folder, "vae") });
        return (codec, autoencoder!);
    }

    private static Tensor Read(ImageCodec codec, Tensor indices)
    {
        using var resident = new ResidentImages(SmallExperiment.Train, CPU, codec);
        return resident.Batch(indices).Images;
    }
}
