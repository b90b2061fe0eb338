using System.Diagnostics;
using System.Security.Cryptography;
using Mezzotint.Engine;
using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Training;

namespace Mezzotint.Cli.Tests;

/// <summary>
/// Every bit of what the engine computes in float32 of the networks that ship for MNIST: as a digest, made by this program, or
/// by one that <see cref="StartupHook"/> is in, so that another system's can be compared.
/// </summary>
internal static unsafe class EngineBits
{
    private const string Variable = "MEZZOTINT_TEST_BITS";
    private const int Side = 28, Images = 3;

    private static readonly string[] Models = ["mnist", "seed"];

    /// <summary>Lets a program that is about to be started write its digests into a file, and end.</summary>
    public static void Prepare(ProcessStartInfo start, string file) => WindowsProgram.Hook(start, Variable, file);

    /// <summary>In the program.</summary>
    public static void Arm()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { } file)
            return;
        File.WriteAllText(file, Of(Path.Combine(AppContext.BaseDirectory, "models")));
        Environment.Exit(0);
    }

    /// <summary>A line for each network: the vectors it is computed with, digests of outputs and of gradients.</summary>
    /// <param name="models">The folder that has theirs.</param>
    public static string Of(string models) => string.Concat(Models.Select(name => Of(name, Path.Combine(models, name)) + "\n"));

    private static string Of(string name, string folder)
    {
        Libtorch.Load();
        using var model = ModelFolder.Read(folder);
        using var flat = FlatParameters.Of(model.Network);
        using var engine = NetworkEngine.For(model.Network, Side, Side, bfloat16: false, training: true)!;
        using var outputs = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        float[] made = new float[Side * Side];
        for (int image = 0; image < Images; image++)
        {
            fixed (float* x = Numbers(image), gradient = Numbers(image + Images), f = made)
            {
                engine.Forward(x, (image + 0.5f) / Images, image, f);
                engine.Backward(gradient);
            }
            outputs.AppendData(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(made));
        }
        engine.TakeGradients();
        return $"{name} {ComputePrecision.Engine}: {Convert.ToHexString(outputs.GetHashAndReset())} "
            + Convert.ToHexString(SHA256.HashData(flat.Gradients.bytes));
    }

    /// <summary>An image's worth of numbers between -2 and 2.</summary>
    private static float[] Numbers(int seed)
    {
        var random = new Random(seed); // the same numbers on all systems
        return [.. Enumerable.Range(0, Side * Side).Select(_ => 4 * random.NextSingle() - 2)];
    }
}
