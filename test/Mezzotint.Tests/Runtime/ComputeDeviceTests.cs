using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using Mezzotint.Serving;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Tests.Runtime;

public class ComputeDeviceTests
{
    private const string NoGpu = "this machine has no GPU that libtorch can use";

    [Fact]
    public void The_cpu_has_a_thread_a_core() =>
        Assert.Equal(
            (DeviceType.CPU, Environment.ProcessorCount),
            (ComputeDevice.Named("cpu").type, ComputeDevice.Threads(ComputeDevice.Named("cpu"))));

    [Theory]
    [InlineData(""), InlineData("gpu"), InlineData("CPU"), InlineData("cuda:"), InlineData("cuda:-1"), InlineData("cuda:x")]
    [InlineData("cuda: 0"), InlineData("cuda1")]
    public void A_name_that_is_none_is_refused_with_those_that_are(string name) =>
        Assert.Contains(
            "there are cpu, cuda (the first GPU) and cuda:N",
            Assert.Throws<MezzotintException>(() => ComputeDevice.Named(name)).Message, StringComparison.Ordinal);

    [Fact]
    public void Without_cuda_the_remedy_is_told()
    {
        Assert.SkipWhen(cuda.is_available(), "this machine has a GPU");
        Assert.Contains(
            "-p:Cuda=true", Assert.Throws<MezzotintException>(() => ComputeDevice.Named("cuda:3")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_gpu_that_is_not_there_is_refused_with_those_that_are()
    {
        Assert.SkipUnless(cuda.is_available(), NoGpu);
        Assert.Contains(
            "GPU", Assert.Throws<MezzotintException>(() => ComputeDevice.Named("cuda:99")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gpu_draws_what_the_cpu_draws()
    {
        Assert.SkipUnless(cuda.is_available(), NoGpu);
        var config = new ResidualUNetConfig { ModelChannels = 16, HeadChannels = 16, ResidualBlocks = [1, 1] };
        var info = new ModelInfo
        {
            Name = "small", Model = config, Process = new Edm(), Parameterisation = new EdmPreconditioning(), Height = 8,
            Width = 8, ClassNames = [.. Enumerable.Range(0, 10).Select(i => $"{i}")],
        };
        byte[] Drawn(Device device)
        {
            using var model = new LoadedModel(config.Build(seed: 3), info).To(device);
            Assert.Equal(device.type, model.Device.type);
            using var pipeline = new DiffusionPipeline(model);
            return pipeline.Generate([1, 2, 3], new() { Seed = 5, Steps = 8, Sampler = "heun", Levels = "karras" }).Images.Pixels;
        }
        // TensorFloat-32 has 10 bits
        Assert.All(Drawn(CPU).Zip(Drawn(ComputeDevice.Named("cuda"))), pair => Assert.InRange(pair.First - pair.Second, -8, 8));
    }
}
