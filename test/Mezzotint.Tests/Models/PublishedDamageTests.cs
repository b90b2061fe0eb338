using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Serving;
using Mezzotint.Tests.Formats;
using Mezzotint.Text;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Models;

/// <summary>
/// The law of damaged files, for every layout of published models and adapters, at many seeded places: a file is read, or refused
/// in one line that names it. No other exception leaves the reader, and memory stays bounded.
/// </summary>
public sealed class PublishedDamageTests : IDisposable
{
    private const int CasesOfAText = 20, CasesOfWeights = 20, CasesOfAnAdapter = 60;
    private const long MostMegabytes = 500; // beyond what the process has, for files of 9 MB and less

    private static readonly string[] Hostile =
    [
        "0", "-1", "1", "3", "7", "33", "4096", "65536", "1048576", "2147483647", "2147483648", "9223372036854775807", "1e308",
        "-1e308", "0.5", "1e-300", "null", "true", "false", "[]", "{}", "[[]]", "\"\"", "\"../../../etc/passwd\"", "\"\\u0000\"",
        "[1,2,3,4,5,6,7,8,9]", "[65536,65536]", "{\"a\":{}}", "99999999999999999999999", "\"a\\nb\"", "\"__reduce__\"",
    ];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("model_index.json")]
    [InlineData("scheduler/scheduler_config.json")]
    [InlineData("text_encoder/config.json")]
    [InlineData("tokenizer/vocab.json")]
    [InlineData("tokenizer/merges.txt")]
    [InlineData("tokenizer/special_tokens_map.json")]
    [InlineData("tokenizer/tokenizer_config.json")]
    [InlineData("unet/config.json")]
    [InlineData("vae/config.json")]
    [InlineData("text_encoder/model.safetensors.index.json")]
    public void A_text_of_a_folder_is_read_or_refused(string file)
    {
        string folder = Sharded();
        byte[] good = File.ReadAllBytes(Path.Combine(folder, file));
        Check(folder, Path.Combine(folder, file), Spoiled(good, CasesOfAText, Text), () => Drawn(ModelPath.Read(folder)));
    }

    [Theory]
    [InlineData("text_encoder/model-00001-of-00002.safetensors")]
    [InlineData("unet/diffusion_pytorch_model.bin")]
    [InlineData("vae/diffusion_pytorch_model.safetensors")]
    public void Weights_of_a_folder_are_read_or_refused(string file)
    {
        string folder = Sharded();
        byte[] good = File.ReadAllBytes(Path.Combine(folder, file));
        Check(folder, Path.Combine(folder, file), Spoiled(good, CasesOfWeights, Bytes), () => Drawn(ModelPath.Read(folder)));
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("model.ckpt")]
    [InlineData("inference.yaml")]
    public void A_single_file_is_read_or_refused(string file)
    {
        string folder = _folder.File("single"), weights = file == "model.ckpt" ? file : "model.safetensors";
        Directory.CreateDirectory(folder);
        foreach (string name in new[] { weights, "inference.yaml" })
            File.Copy(SingleFileTests.Published(name), Path.Combine(folder, name));
        byte[] good = File.ReadAllBytes(Path.Combine(folder, file));
        var spoil = file == "inference.yaml" ? Text : (Func<Random, byte[], byte[]>)Bytes;
        Check(folder, Path.Combine(folder, file), Spoiled(good, CasesOfWeights, spoil),
            () => Drawn(ModelPath.Read(Path.Combine(folder, weights), SingleFileTests.Tokenizer)));
    }

    [Theory]
    [InlineData("lora", "kohya.safetensors")]
    [InlineData("lora", "peft.safetensors")]
    [InlineData("lora", "old.safetensors")]
    [InlineData("textual-inversion", "learned_embeds.bin")]
    [InlineData("textual-inversion", "learned_embeds.safetensors")]
    [InlineData("textual-inversion", "style-three.pt")]
    [InlineData("textual-inversion", "style-three.safetensors")]
    public void An_adapter_is_read_or_refused_and_taken_out_again_to_the_bit(string kind, string file)
    {
        string path = _folder.File(file);
        byte[] good = file == "old.safetensors" ? Older() : File.ReadAllBytes(TinyStableDiffusion.PathOf(kind, file));
        using var model = ModelPath.Read(TinyStableDiffusion.PathOf("pipeline"));
        var text = ((TextPrompts)model.Info.Prompts!).Coder!.Network;
        using var scope = NewDisposeScope();
        Tensor[] now = [.. model.Network.parameters(), .. text.parameters()], before = [.. now.Select(each => each.clone())];
        int read = Check(path, path, Spoiled(good, CasesOfAnAdapter, Bytes).Prepend(good), () =>
        {
            try
            {
                if (kind == "lora")
                    model.Adapt(path);
                else
                    model.AddWords(path);
                Assert.Single(model.Adapters);
            }
            catch (MezzotintException)
            {
                Assert.Empty(model.Adapters);
                throw;
            }
            finally
            {
                model.RemoveAdapters();
            }
            return null;
        });
        Assert.True(read > 0, "The whole file is not read.");
        foreach (var (wanted, got) in before.Zip(now))
            Assert.True(wanted.equal(got).all().item<bool>());
    }

    /// <summary>What is read draws, or says why not.</summary>
    private static LoadedModel? Drawn(LoadedModel model)
    {
        try
        {
            using var pipeline = new DiffusionPipeline(model);
            pipeline.Generate("a cat", new() { Seed = 1, Steps = 1, Size = (16, 16) });
            return model;
        }
        catch (MezzotintException refusal)
        {
            model.Dispose();
            Assert.DoesNotContain('\n', refusal.Message);
            return null;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>A folder whose text encoder is in two files with an index, and whose U-Net is an archive of PyTorch.</summary>
    private string Sharded()
    {
        string folder = TinyStableDiffusion.CopyTo(_folder.File("pipeline"));
        string part = Path.Combine(folder, "text_encoder"), whole = Path.Combine(part, "model.safetensors");
        var tensors = SafetensorsFile.Read(whole).Tensors.ToList();
        File.Delete(whole);
        int half = tensors.Count / 2;
        string Shard(int i) => $"model-0000{(i < half ? 1 : 2)}-of-00002.safetensors";
        SafetensorsFile.Write(Path.Combine(part, Shard(0)), tensors[..half]);
        SafetensorsFile.Write(Path.Combine(part, Shard(half)), tensors[half..]);
        File.WriteAllText(Path.Combine(part, "model.safetensors.index.json"), JsonSerializer.Serialize(new
        {
            metadata = new { total_size = 1 },
            weight_map = tensors.Index().ToDictionary(each => each.Item.Key, each => Shard(each.Index)),
        }));
        string unet = Path.Combine(folder, "unet", "diffusion_pytorch_model.safetensors");
        TorchArchive.Write(Path.ChangeExtension(unet, ".bin"), SafetensorsFile.Read(unet).Tensors);
        File.Delete(unet);
        return folder;
    }

    /// <summary>The names of older diffusers: attention alone, by its processor.</summary>
    private static byte[] Older()
    {
        var stream = new MemoryStream();
        SafetensorsFile.Write(stream, SafetensorsFile.Read(TinyStableDiffusion.PathOf("lora", "peft.safetensors")).Tensors
            .Where(pair => pair.Key.Contains(".attn1.to_q.", StringComparison.Ordinal))
            .Select(pair => KeyValuePair.Create(pair.Key.Replace(".to_q.lora_A.", ".processor.to_q_lora.down.",
                StringComparison.Ordinal).Replace(".to_q.lora_B.", ".processor.to_q_lora.up.", StringComparison.Ordinal),
                pair.Value)));
        return stream.ToArray();
    }

    private static IEnumerable<byte[]> Spoiled(byte[] good, int cases, Func<Random, byte[], byte[]> spoil)
    {
        foreach (int length in new[] { 0, 1, 7, 8, 9, 64, good.Length / 2, good.Length - 1 })
            yield return good[..Math.Min(length, good.Length)];
        yield return [.. good, 0];
        var random = new Random(17);
        for (int i = 0; i < cases; i++)
        {
            byte[] bytes = good;
            for (int changes = 1 + random.Next(3); changes > 0; changes--)
                bytes = spoil(random, bytes);
            yield return bytes;
        }
    }

    /// <summary>A value of another kind or size in place of one, or a byte of damage.</summary>
    private static byte[] Text(Random random, byte[] good)
    {
        if (random.Next(4) == 0)
            return Bytes(random, good);
        string text = Encoding.Latin1.GetString(good);
        var values = Regex.Matches(text, """(?<=[:,\[\s])\s*("[^"\n]*"|-?\d[\d.e+-]*|true|false|null)""");
        if (values.Count == 0)
            return Bytes(random, good);
        var value = values[random.Next(values.Count)].Groups[1];
        return Encoding.Latin1.GetBytes(text[..value.Index] + Hostile[random.Next(Hostile.Length)]
            + text[(value.Index + value.Length)..]);
    }

    /// <summary>Damage where the sense is: the header of safetensors, the directory and the pickle of archives.</summary>
    private static byte[] Bytes(Random random, byte[] good)
    {
        if (good.Length == 0)
            return [1];
        int header = good.Length > 8 && good[0] != 'P' ? (int)Math.Min(BitConverter.ToUInt64(good), (ulong)good.Length) : 0;
        int at = (random.Next(4), header) switch
        {
            (0, _) => random.Next(good.Length),
            (_, 0) => good.Length - 1 - random.Next(Math.Min(good.Length, 60_000)),
            _ => random.Next(Math.Min(good.Length, header + 16)),
        };
        return Damage.Apply([.. good], random.Next(8), at, random.Next(good.Length), (byte)random.Next(256));
    }

    /// <summary>Reads every case.</summary>
    /// <returns>How many were not refused.</returns>
    private static int Check(string folder, string path, IEnumerable<byte[]> cases, Func<IDisposable?> read)
    {
        int whole = 0, number = 0;
        long before = Peak();
        foreach (byte[] bytes in cases)
        {
            File.WriteAllBytes(path, bytes);
            try
            {
                read()?.Dispose();
                whole++;
            }
            catch (MezzotintException refusal)
            {
                Assert.DoesNotContain('\n', refusal.Message);
                Assert.Contains(Path.GetFileName(folder), refusal.Message, StringComparison.Ordinal); // the path of a file in it
                Assert.InRange(refusal.Message.Length, 1, 700 + 3 * path.Length);
            }
            catch (Exception other)
            {
                Assert.Fail($"Case {number} of '{path}': {other}");
            }
            long after = Peak();
            Assert.True(after - before < MostMegabytes << 20, $"Case {number} of '{path}' took {(after - before) >> 20} MB.");
            number++;
        }
        return whole;
    }

    /// <summary>The most bytes that the process has had in memory; 0 where the system does not tell.</summary>
    private static long Peak() => !OperatingSystem.IsLinux() ? 0
        : 1024 * long.Parse(File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmHWM", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
}
