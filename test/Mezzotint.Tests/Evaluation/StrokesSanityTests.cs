using Mezzotint.Data;
using Mezzotint.Models;
using Mezzotint.Networks.Classifiers;
using Mezzotint.Training;

namespace Mezzotint.Tests.Evaluation;

/// <summary>The laws on small drawn digits, with classifiers that were trained for them in a few seconds: they run
/// everywhere.</summary>
public class StrokesSanityTests(StrokesSanityTests.Drawn sanity) : SanityLaws(sanity), IClassFixture<StrokesSanityTests.Drawn>
{
    public sealed class Drawn : SanityCase
    {
        protected override (ImageSet Train, ImageSet Test, ImageSet Unseen, IReadOnlyList<LoadedClassifier> Classifiers) Make()
        {
            const int Size = 12;
            var train = Strokes.Make(3000, seed: 1, Size);
            return (
                train, Strokes.Make(600, seed: 2, Size), Strokes.Make(600, seed: 3, Size),
                [.. Classifier.Architectures.Select(name => Trained(name, train))]);
        }

        private static LoadedClassifier Trained(string architecture, ImageSet train)
        {
            var config = new ClassifierConfig { Architecture = architecture, Height = train.Height, Width = train.Width };
            var experiment = new ClassifierExperiment();
            var training = experiment.Training with
            {
                Epochs = 4, BatchSize = 32, LearningRate = 4e-3, Average = new ExponentialAverage { Decay = 0.98 }, Replicas = 2,
            };
            using var trainer = new Trainer((experiment with { Network = config }).Task, training, train, train.Take(64));
            while (trainer.Step < trainer.TotalSteps)
            {
                trainer.TrainStep();
                if (trainer.LossesAreDue)
                    trainer.ReadLosses();
            }
            var network = Classifier.Create(config);
            network.CopyFrom(trainer.Network);
            return new LoadedClassifier(
                network, new ClassifierInfo { Name = architecture, Network = config, ClassNames = train.ClassNames },
                Hash: architecture);
        }
    }
}
