using Mezzotint.Formats;
using Mezzotint.Tests.Formats;
using Mezzotint.Tests.Models;
using Mezzotint.Training;

namespace Mezzotint.Tests.Training;

public class AverageSnapshotsTests
{
    private static readonly ExperimentConfig Config = SmallExperiment.Config with
    {
        Training =
            SmallExperiment.Config.Training with { Average = new PowerAverage { Widths = [0.08, 0.2], SnapshotEvery = 4 } },
    };

    [Fact]
    public void A_width_that_was_kept_comes_back_and_another_lies_near_what_it_would_have_been()
    {
        using var folder = new TemporaryFolder();
        string averages = folder.File("averages");
        using var trainer = new Trainer(Config, SmallExperiment.Train, SmallExperiment.Test);
        using var other =
            new Trainer(
                Config with { Training = Config.Training with { Average = new PowerAverage { Widths = [0.12] } } },
                SmallExperiment.Train, SmallExperiment.Test);
        for (int i = 0; i < 24; i++)
        {
            trainer.TrainStep();
            other.TrainStep();
            if (trainer.Step % 2 == 0)
                trainer.WriteAverages(averages);
            if (trainer.LossesAreDue)
            {
                trainer.ReadLosses();
                other.ReadLosses();
            }
        }

        var (kept, end) = AverageSnapshots.Reconstruct(averages, Config, 0.08);
        using var _ = kept;
        Assert.Equal(24, end);
        Assert.InRange(Distance(kept, trainer.Network), 0, 1e-6);

        using var reconstructed = AverageSnapshots.Reconstruct(averages, Config, 0.12).Network;
        double apart = Distance(trainer.Network, other.Network);
        Assert.InRange(Distance(reconstructed, other.Network), 0, 0.15 * apart); // far nearer than the widths that were kept
    }

    [Fact]
    public void An_earlier_step_is_what_a_shorter_run_would_have_had()
    {
        using var folder = new TemporaryFolder();
        string averages = folder.File("averages");
        using var trainer = new Trainer(Config, SmallExperiment.Train, SmallExperiment.Test);
        using var shorter = new Trainer(Config, SmallExperiment.Train, SmallExperiment.Test);
        for (int i = 0; i < 12; i++)
        {
            trainer.TrainStep();
            if (i < 8)
                shorter.TrainStep();
            if (trainer.Step % 4 == 0)
                trainer.WriteAverages(averages);
            if (trainer.LossesAreDue)
                trainer.ReadLosses();
        }
        var (network, end) = AverageSnapshots.Reconstruct(averages, Config, 0.08, step: 8);
        using var _ = network;
        Assert.Equal(8, end);
        Assert.InRange(Distance(network, shorter.Network), 0, 1e-6);
    }

    [Fact]
    public void What_is_not_there_or_damaged_is_said()
    {
        using var folder = new TemporaryFolder();
        string averages = folder.File("averages");
        void Refused(string why, double width = 0.1, long? step = null, ExperimentConfig? config = null) =>
            Assert.Contains(
                why, Assert.Throws<MezzotintException>(
                    () => AverageSnapshots.Reconstruct(averages, config ?? Config, width, step).Network.Dispose()).Message,
                    StringComparison.Ordinal);

        Refused("has no averages: a training keeps them with [training.average] kind = \"power\"");
        using (var trainer = new Trainer(Config, SmallExperiment.Train, SmallExperiment.Test))
        {
            trainer.TrainStep();
            trainer.TrainStep();
            trainer.WriteAverages(averages);
        }
        Refused("width ", width: 0.3);
        Refused("no averages of step 7; there are 2.", step: 7);
        Refused("they do not belong together", config: Config with { Model = SmallExperiment.Model with { CorpusLength = 11 } });
        string file = Directory.GetFiles(averages).Single();
        var good = SafetensorsFile.Read(file);
        SafetensorsFile.Write(file, good.Tensors, new Dictionary<string, string>(good.Metadata) { ["widths"] = "0.08 0.2 0.25" });
        Refused("is damaged");
        SafetensorsFile.Write(file, good.Tensors, new Dictionary<string, string>(good.Metadata) { ["format"] = "else" });
        Refused("is a 'else', not a 'mezzotint averages 1'");
    }

    /// <summary>The root of the mean squared difference of the weights.</summary>
    private static double Distance(TorchSharp.torch.nn.Module one, TorchSharp.torch.nn.Module other)
    {
        var pairs = SmallNetwork.Weights(one).Values.Zip(SmallNetwork.Weights(other).Values).SelectMany(pair =>
            Floats(pair.First).Zip(Floats(pair.Second), (a, b) => (double)(a - b) * (a - b)));
        return Math.Sqrt(pairs.Average());
    }

    private static float[] Floats(byte[] bytes) => System.Runtime.InteropServices.MemoryMarshal.Cast<byte,
        float>(bytes).ToArray();
}
