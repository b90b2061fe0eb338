using Mezzotint.Training;

namespace Mezzotint.Tests.Training;

/// <summary>The rate that a range test suggests trains; ten times the one where the loss ran away does not.</summary>
public class LearningRateSearchTests
{
    [Fact]
    public void It_lowers_the_loss_goes_up_evenly_and_suggests_a_rate_that_trains()
    {
        var config = SmallExperiment.Config.Fit(SmallExperiment.Train);
        var told = new List<TriedRate>();
        var search = LearningRateSearch.Of(
            config.Task, config.Training, SmallExperiment.Train, SmallExperiment.Test, progress: new Told(told));
        Assert.Equal(told, search.Tried);
        Assert.All(search.Tried.Zip(search.Tried.Skip(1)), pair => Assert.True(pair.Second.Rate > pair.First.Rate));
        Assert.All(search.Tried, point => Assert.True(double.IsFinite(point.Loss)));
        var best = search.Tried.MinBy(point => point.Loss);
        Assert.InRange(search.Rate, best.Rate / 20, best.Rate / 10 * (1 + 1e-9));
        Assert.Equal(search.Tried, LearningRateSearch.Of(
            config.Task, config.Training, SmallExperiment.Train, SmallExperiment.Test).Tried);

        using var trainer = new Trainer(
            config.Task, config.Training with { LearningRate = search.Rate }, SmallExperiment.Train, SmallExperiment.Test);
        double before = trainer.Evaluate();
        for (int step = 0; step < 60; step++)
        {
            trainer.TrainStep();
            if (trainer.LossesAreDue)
                trainer.ReadLosses();
        }
        Assert.True(trainer.Evaluate() < before, $"{before} -> {trainer.Evaluate()}");
    }

    private sealed class Told(List<TriedRate> points) : IProgress<TriedRate>
    {
        public void Report(TriedRate value) => points.Add(value);
    }
}
