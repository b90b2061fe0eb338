// A sampler of one's own: the midpoint rule, in the variable that is sampled (dpm2 has it in the logarithm of the level).
//
//     dotnet run --project samples/CustomSampler -- models/seed 7 sevens.png

using Mezzotint.Formats;
using Mezzotint.Models;
using Mezzotint.Noise;
using Mezzotint.Runtime;
using Mezzotint.Sampling;
using static Mezzotint.Sampling.LinearCombination;

if (args is not [var folder, var label, var output])
{
    Console.Error.WriteLine("Usage: CustomSampler MODEL LABEL OUT.png");
    return 1;
}

// A solver is a value: a name, an order, how often it asks the network, and one step of dx/dsigma = (x - D(x, sigma)) / sigma.
var midpoint = new Solver
{
    Name = "midpoint",
    Order = 2,
    Evaluations = (steps, toZero) => toZero ? 2 * steps - 1 : 2 * steps,
    Walk = input => SolverLoop.Walk(input, step =>
    {
        var here = step.Evaluate();
        if (step.To == 0)
            return (here.Denoised, here); // from the last level straight to the estimate
        double h = step.To - step.From, middle = step.From + h / 2;
        using var slope = here.Slope();
        // Sum, not operators: they are not safe beside a garbage collection
        var there = step.Evaluate(Sum((1, step.X), (h / 2, slope)), middle);
        using var slopeThere = there.Slope();
        return (Sum((1, step.X), (h, slopeThere)), here);
    }),
};

const int Steps = 20;
using var model = ModelFolder.Read(folder);
using var threads = new WorkerThreads(0);
var sampler = model.CreateSampler();
var images = sampler.Sample(new SamplingRequest
{
    Labels = [.. Enumerable.Repeat(int.Parse(label, System.Globalization.CultureInfo.InvariantCulture), 16)],
    Steps = Steps,
    Solver = midpoint,
    Levels = NoiseLevels.Karras(model.Info.Process, Steps),
}, threads);
PngFile.Write(output, images.Grid(), scale: 2);
Console.WriteLine($"{output}: {images.Count} images, {midpoint.Evaluations(Steps)} network evaluations each");
return 0;
