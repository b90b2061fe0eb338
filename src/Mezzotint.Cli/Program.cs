using System.Diagnostics;
using Mezzotint.Data;
using Mezzotint.Networks;
using Mezzotint.Runtime;
using Mezzotint.Training;
using static TorchSharp.torch;
int n = int.Parse(args[0]), steps = int.Parse(args[1]);
using var threads = new WorkerThreads(n);
var net = new UNet(new UNetConfig(), 42);
var px = new byte[6000*784]; new Random(1).NextBytes(px);
var data = new ResidentImages(new ImageSet("x", px, new byte[6000], 1, 28, 28, ["0"]), CPU);
using var step = new TrainingStep(net, new(), w => new Adam(w), threads, CPU);
var loss = zeros(1);
var idx = arange(64, int64);
var sw = Stopwatch.StartNew();
for (int i = 1; i <= steps; i++) { if (i == 6) sw.Restart();
 using var g = RandomSeeds.Generator(42, RandomPurpose.TrainingNoise, i);
 step.Run(data, idx, g, 2e-4, i, loss); if (i % 10 == 0) Console.WriteLine($"{i} {loss.item<float>()} {(i-5)*64/sw.Elapsed.TotalSeconds:F1} img/s {Environment.WorkingSet/1e6:F0} MB"); }
foreach (int t in new[]{1,2}) {
 using var w = new WorkerThreads(t);
 int reps = 10;
 for (int k = 0; k < 2; k++) {
 sw.Restart();
 w.Run(r => { using var ng = inference_mode(); using var sc = NewDisposeScope(); var x = randn(64,1,28,28); var tt = rand(64); var l = zeros(64,1,dtype: ScalarType.Int64);
   for (int i = 0; i < reps; i++) { using var s2 = NewDisposeScope(); net.call(x,tt,l);} });
 Console.WriteLine($"threads {t}: {t*reps*64/sw.Elapsed.TotalSeconds:F0} evals/s"); }
}
