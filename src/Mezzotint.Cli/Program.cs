using System.Runtime.InteropServices;
using Mezzotint.Data;
using Mezzotint.Training;
var config = new ExperimentConfig { Training = new TrainingConfig { Replicas = 2 } };
using var stop = new CancellationTokenSource();
using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, c => { c.Cancel = true; stop.Cancel(); });
using var folder = RunFolder.Open(args[0]);
var run = new TrainingRun(config, folder, Mnist.Load(args[1], true), Mnist.Load(args[1], false));
var r = run.Run(new P(), stop.Token);
Console.WriteLine(r.Finished);
sealed class P : IProgress<TrainingProgress> { public void Report(TrainingProgress p) { if (p.Message is not null || p.Step % 50 == 0) Console.WriteLine($"{p.Step}/{p.TotalSteps} {p.Loss:F3} {p.ImagesPerSecond:F0} img/s {Environment.WorkingSet/1e6:F0} MB {p.Message}"); } }
