using System.Runtime.ExceptionServices;
using Mezzotint.Engine;
using Mezzotint.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Mezzotint.Serving;

/// <summary>
/// One network that many walks ask at once: whatever they ask at about the same time is evaluated as one batch, each image with
/// its own time and condition. So walks of any sampler and any number of steps share evaluations, and images enter and leave the
/// batch between any two of their steps.
/// </summary>
/// <remarks>
/// A walk runs on a thread of its own and waits in <see cref="Evaluate"/>; one thread a core evaluates, alone, with libtorch
/// single-threaded (see <see cref="Runtime.WorkerThreads"/> for why). An evaluator does not take the first question that comes.
/// It waits until its share of all images that are being walked has asked. The others are between two evaluations, for a fraction
/// of the time of one. Batches have the sizes of <see cref="SteadyBatch"/> where libtorch evaluates them, so an image does not
/// depend on what it was evaluated with.
/// </remarks>
internal sealed class SharedEvaluations : IDisposable
{
    /// <summary>Should a walk take longer between two evaluations than these milliseconds, the others go on without it.</summary>
    private const int Patience = 5;

    private readonly NetworkEvaluator[] _evaluators;
    private readonly object _lock = new();
    private readonly LinkedList<Question> _waiting = new();
    private readonly Thread[] _threads;
    private int _walking, _asking, _evaluating;
    private bool _ended;
    private long _evaluations, _batches;

    /// <summary>Starts the evaluators.</summary>
    /// <param name="evaluators">What evaluates the network, one a thread, 1 or more; they are freed with this. Nobody changes the
    /// network meanwhile.</param>
    public SharedEvaluations(IEnumerable<NetworkEvaluator> evaluators)
    {
        _evaluators = [.. evaluators];
        _threads =
        [
            .. _evaluators.Select((evaluator, i) =>
                new Thread(() => Work(evaluator)) { IsBackground = true, Name = $"mezzotint evaluator {i}" }),
        ];
        foreach (var thread in _threads)
            thread.Start();
    }

    /// <summary>Network evaluations so far, counted by image.</summary>
    public long Evaluations => Interlocked.Read(ref _evaluations);

    /// <summary>Batches so far.</summary>
    public long Batches => Interlocked.Read(ref _batches);

    /// <summary>Tells that a walk of some images begins (or, with a negative number, has ended): the evaluators wait for what it
    /// asks. While nobody walks, a large network has no maps in memory, so that decoding finds room.</summary>
    public void Walk(int images)
    {
        lock (_lock)
        {
            _walking += images;
            if (_walking == 0 && _asking == 0 && _evaluating == 0) // then every evaluator waits, in this lock
                foreach (var evaluator in _evaluators)
                    evaluator.Rest();
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>F(x, t, condition), evaluated together with what other walks ask. Waits until it is there.</summary>
    /// <param name="x">[B, C, H, W].</param>
    /// <param name="t">[B].</param>
    /// <param name="condition">B rows.</param>
    /// <param name="stop">Gives it up within an image, where an engine computes it.</param>
    /// <returns>[B, C, H, W], a tensor of the caller's dispose scope.</returns>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    public Tensor Evaluate(Tensor x, Tensor t, Condition condition, CancellationToken stop = default)
    {
        var question = new Question(x, t, condition, (int)x.shape[0], stop);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_ended, this);
            _waiting.AddLast(question);
            _asking += question.Images;
            Monitor.PulseAll(_lock);
        }
        question.Wait();
        question.Error?.Throw();
        // The answer was made in no scope; its alias belongs to that of this thread.
        using var answer = question.Answer!;
        return answer.alias();
    }

    /// <summary>Ends the evaluators; whoever still waits gets an error.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _ended = true;
            Monitor.PulseAll(_lock);
        }
        foreach (var thread in _threads)
            thread.Join();
        foreach (var evaluator in _evaluators)
            evaluator.Dispose();
        lock (_lock)
        {
            foreach (var question in _waiting)
                question.End(ExceptionDispatchInfo.Capture(new ObjectDisposedException(nameof(SharedEvaluations))));
            _waiting.Clear();
        }
    }

    private void Work(NetworkEvaluator evaluator)
    {
        while (Take() is { } batch)
        {
            int images = batch.Sum(question => question.Images);
            ExceptionDispatchInfo? error = null;
            try
            {
                Answer(evaluator, batch);
                Interlocked.Add(ref _evaluations, images);
                Interlocked.Increment(ref _batches);
                MezzotintTelemetry.Evaluated(images);
            }
#pragma warning disable CA1031 // whatever it is, it is raised again in the walks that asked
            catch (Exception raised)
            {
                error = ExceptionDispatchInfo.Capture(raised);
            }
#pragma warning restore CA1031
            lock (_lock)
            {
                _evaluating -= images;
                Monitor.PulseAll(_lock);
            }
            foreach (var question in batch)
                question.End(error ?? question.GivenUp);
        }
    }

    /// <summary>The next batch, or null at the end.</summary>
    private List<Question>? Take()
    {
        lock (_lock)
        {
            while (!_ended && !(_asking > 0 && EnoughAsked()))
            {
                if (_asking == 0)
                    Monitor.Wait(_lock);
                else if (!Monitor.Wait(_lock, Patience) && _asking > 0)
                    break;
            }
            if (_ended)
                return null;
            int share = Share(), images = 0;
            var batch = new List<Question>();
            while (_waiting.First is { } first && (batch.Count == 0 || images + first.Value.Images <= share))
            {
                batch.Add(first.Value);
                images += first.Value.Images;
                _waiting.RemoveFirst();
            }
            _asking -= images;
            _evaluating += images;
            return batch;
        }
    }

    /// <summary>Whether there is enough for one evaluator, or nobody else is going to ask before something is answered.</summary>
    private bool EnoughAsked() => _asking >= Share() || _asking + _evaluating >= _walking;

    /// <summary>What one evaluator takes of the images that are walked. To libtorch fewer than the smallest batch would cost as
    /// much.</summary>
    private int Share() =>
        Math.Clamp(
            (_walking + _threads.Length - 1) / _threads.Length, _evaluators[0].ByImage ? 1 : SteadyBatch.Size,
            _evaluators[0].MostAtOnce);

    private static void Answer(NetworkEvaluator evaluator, List<Question> batch)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        if (batch.Count == 1 || evaluator.ByImage)
        {
            foreach (var only in batch)
                AnswerAlone(evaluator, only);
            return;
        }
        foreach (var alike in Joined(batch))
            AnswerTogether(evaluator, alike);
    }

    private static void AnswerAlone(NetworkEvaluator evaluator, Question question)
    {
        try
        {
            question.Answer =
                evaluator.Evaluate(question.X, question.T, question.Condition, question.Stop).DetachFromDisposeScope();
        }
        catch (OperationCanceledException stopped) // the others are answered
        {
            question.GivenUp = ExceptionDispatchInfo.Capture(stopped);
        }
    }

    /// <summary>Questions whose conditions can stand in one batch; mostly all of them.</summary>
    private static List<List<Question>> Joined(List<Question> batch)
    {
        var groups = new List<List<Question>>();
        foreach (var question in batch)
            if (groups.Find(group => group[0].Condition.Joins(question.Condition)) is { } alike)
                alike.Add(question);
            else
                groups.Add([question]);
        return groups;
    }

    private static void AnswerTogether(NetworkEvaluator evaluator, List<Question> batch)
    {
        var f = evaluator.Evaluate(cat([.. batch.Select(question => question.X)]), cat([.. batch.Select(question => question.T)]),
            Condition.Concatenate([.. batch.Select(question => question.Condition)]));
        long start = 0;
        foreach (var question in batch)
        {
            question.Answer = f.narrow(0, start, question.Images).DetachFromDisposeScope();
            start += question.Images;
        }
    }

    private sealed class Question(Tensor x, Tensor t, Condition condition, int images, CancellationToken stop)
    {
        public Tensor X => x;

        public Tensor T => t;

        public Condition Condition => condition;

        public int Images => images;

        public CancellationToken Stop => stop;

        public Tensor? Answer { get; set; }

        /// <summary>Where it was given up.</summary>
        public ExceptionDispatchInfo? GivenUp { get; set; }

        public ExceptionDispatchInfo? Error { get; private set; }

        private bool _answered;

        /// <summary>Waits for the end: each for its own, for waking all at every answer would cost more than some answers
        /// do.</summary>
        public void Wait()
        {
            lock (this)
                while (!_answered)
                    Monitor.Wait(this);
        }

        /// <summary>There is an answer, or an error.</summary>
        public void End(ExceptionDispatchInfo? error)
        {
            lock (this)
            {
                (Error, _answered) = (error, true);
                Monitor.Pulse(this);
            }
        }
    }
}
