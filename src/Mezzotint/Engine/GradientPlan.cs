namespace Mezzotint.Engine;

/// <summary>Memory of a gradient, and how many values it is the gradient of at the moment.</summary>
internal sealed unsafe class GradientBlock(float* floats, long count)
{
    public float* Floats => floats;

    public long Count => count;

    public int Users { get; set; }
}

/// <summary>
/// Gives the gradients of a plan their memory, from the last step to the first: each from its first part until the step that made
/// the value has read it.
/// </summary>
internal sealed unsafe class GradientPlan(NetworkEngine engine)
{
    private readonly List<GradientBlock> _free = [];

    /// <summary>Plans the gradients of all steps.</summary>
    public void Run(IReadOnlyList<EngineStep> steps)
    {
        foreach (var step in steps.Reverse<EngineStep>())
        {
            step.PlanBackward(this);
            Release(step.Output);
        }
    }

    /// <summary>Notes that a part of a gradient is computed.</summary>
    /// <returns>Whether it must be added to other parts; else it is set.</returns>
    public bool Contribute(EngineValue value)
    {
        if (value.IsVector)
            return true;
        bool adds = value.Contributed;
        value.Contributed = true;
        if (value.Direct is null && (value.Whole ?? value) is { Block: null } whole)
            whole.Block = Take(whole.Count);
        return adds;
    }

    /// <summary>Whether a gradient may be changed in place, because nothing else reads it.</summary>
    public static bool IsOwn(EngineValue value) => value is { Block.Users: 1, Whole: null };

    /// <summary>Makes a gradient that of another value as well.</summary>
    public static void Share(EngineValue from, EngineValue to)
    {
        (to.Block, to.Contributed) = (from.Block, true);
        from.Block!.Users++;
    }

    private GradientBlock Take(long count)
    {
        var block = _free.Where(free => free.Count >= count).MinBy(free => free.Count);
        if (block is null)
            block = new(engine.NewFloats(count), count);
        else
            _free.Remove(block);
        block.Users = 1;
        return block;
    }

    private void Release(EngineValue value)
    {
        if (value.Block is { } block && --block.Users == 0)
            _free.Add(block);
    }
}
