#:project ../src/Mezzotint/Mezzotint.csproj
// A solver of one's own: the midpoint rule, in the variable that is sampled (dpm2 has it in the logarithm of the level).
//
//     dotnet run samples/Solver.cs -- models/mnist 7 sevens.png

using Mezzotint.Sampling;
using Mezzotint.Serving;
using static Mezzotint.Sampling.LinearCombination;

if (args is not [var folder, var prompt, var output])
{
    Console.Error.WriteLine("Usage: dotnet run samples/Solver.cs -- MODEL PROMPT OUT.png");
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
Solvers.Register(midpoint); // from here on its name is known: to options, configurations and receipts

using var pipeline = DiffusionPipeline.Load(folder);
var images = pipeline.Generate(prompt, new() { Count = 16, Sampler = midpoint.Name, Levels = "karras", Steps = 20 });
images.SavePng(output, scale: 2);
Console.WriteLine($"{output}: {images.Count} images, {midpoint.Evaluations(20)} network evaluations each");
return 0;
