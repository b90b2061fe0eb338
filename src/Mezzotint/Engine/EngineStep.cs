namespace Mezzotint.Engine;

/// <summary>
/// One step of an <see cref="EnginePlan"/>: a layer, or several in one pass over memory; forward, and backward where it is
/// trained.
/// </summary>
internal abstract unsafe class EngineStep
{
    private protected EngineStep(EngineValue output, params EngineValue[] inputs)
    {
        (Output, Inputs, output.Maker) = (output, inputs, this);
        foreach (var input in inputs)
            input.Readers.Add(this);
        Adds = new bool[inputs.Length];
    }

    /// <summary>Its place in the plan.</summary>
    public int Index { get; set; }

    public EngineValue Output { get; }

    public EngineValue[] Inputs { get; }

    /// <summary>Multiplications of its matrix products for one image, forward; backward has twice as many.</summary>
    public virtual long Products => 0;

    /// <summary>Whether it has parameters.</summary>
    public virtual bool HasParameters => false;

    /// <summary>Which given value it reads.</summary>
    public virtual GivenGradients Given => GivenGradients.None;

    /// <summary>Of each input, whether its gradient is added to what is there.</summary>
    protected bool[] Adds { get; }

    /// <summary>Decides where the gradients of the inputs go; called in the order of the steps backward.</summary>
    public virtual void PlanBackward(GradientPlan plan)
    {
        for (int i = 0; i < Inputs.Length; i++)
            Adds[i] = Inputs[i].HasGradient && plan.Contribute(Inputs[i]);
    }

    /// <summary>The threads that compute it.</summary>
    public Crew Crew { get; set; } = Crew.Alone;

    /// <summary>Makes its kernels, once all values have their memory.</summary>
    public virtual void Prepare(NetworkEngine engine)
    {
    }

    /// <summary>Takes the weights as they are now.</summary>
    public virtual void Pack()
    {
    }

    public abstract void Forward();

    /// <summary>Computes, and so does its twin, the same step of an engine of another image: what reads its weights where they
    /// lie reads them once for both.</summary>
    public virtual void Forward(EngineStep twin)
    {
        Forward();
        twin.Forward();
    }

    /// <summary>Makes some rows of its output, once <see cref="Forward()"/> has done what it does for all of them.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="first">The first of their places.</param>
    public virtual void MakeRows(Map rows, long first) => throw new NotSupportedException();

    /// <summary>Whether it has rows made one by one: see <see cref="MakeRows"/>.</summary>
    public virtual bool MakesRows => false;

    /// <summary>Makes the output, unless its rows are made as they are read.</summary>
    protected void MakeAllRows()
    {
        if (Output.Ring is not null)
            return;
        Crew.Rows(Output.Written, this, static (step, rows, first) => step.MakeRows(rows, first));
        CopyWritten();
    }

    /// <summary>Clears the border of what it makes, where other values have lain there.</summary>
    public void ClearBorder()
    {
        if (Output.Operand is { IsShared: true } shared)
            shared.ClearBorder();
    }

    /// <summary>The numbers of an input that has as many as the output, from a place on.</summary>
    protected float* From(int input, long place) => Inputs[input].Floats + place * Output.Channels;

    /// <summary>Copies what was written the other way too, where that is asked for.</summary>
    protected void CopyWritten()
    {
        if (Output is { Plain: not null, Operand: { } operand } && operand != Output.Plain)
            Crew.Rows(operand, Output, static (value, rows, first) =>
                Elementwise.Copy(value.Plain!.Floats + first * value.Channels, value.Channels, rows));
    }

    /// <summary>Adds the gradients of the parameters, and those of the inputs.</summary>
    public abstract void Backward();

    /// <summary>Adds what has been summed over images to the gradients of the parameters.</summary>
    public virtual void TakeGradients()
    {
    }
}
