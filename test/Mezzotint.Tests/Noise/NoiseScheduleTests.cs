using CsCheck;
using Mezzotint.Noise;
using static Mezzotint.Tests.Noise.Processes;

namespace Mezzotint.Tests.Noise;

public class NoiseScheduleTests
{
    private static readonly Dictionary<string, TableSchedule> Tables = new()
    {
        ["linear"] = new LinearSchedule().ToTable(1000),
        ["scaled-linear"] = new ScaledLinearSchedule().ToTable(1000),
        ["cosine"] = new CosineSchedule().ToTable(1000),
        ["cosine-50"] = new CosineSchedule().ToTable(50),
        ["sigmoid"] = new SigmoidSchedule().ToTable(1000),
        ["linear-zero-terminal"] = (TableSchedule)new LinearSchedule().ToTable(1000).WithZeroTerminalSnr(),
        ["scaled-linear-zero-terminal"] = new ZeroTerminalSchedule(new ScaledLinearSchedule()).ToTable(1000),
    };

    [Theory]
    [InlineData("linear")]
    [InlineData("scaled-linear")]
    [InlineData("cosine")]
    [InlineData("cosine-50")]
    [InlineData("sigmoid")]
    [InlineData("linear-zero-terminal")]
    [InlineData("scaled-linear-zero-terminal")]
    public void Tables_agree_with_50_digit_arithmetic(string name)
    {
        var table = Tables[name];
        var reference = Reference.GetProperty("tables").GetProperty(name);
        Assert.Equal(reference.GetProperty("count").GetInt32(), table.Count);
        foreach (var entry in reference.GetProperty("entries").EnumerateArray())
        {
            int index = entry.GetProperty("index").GetInt32();
            AssertClose(entry.GetProperty("beta").GetDouble(), table.Betas[index], 1e-11, $"beta[{index}]");
            AssertClose(entry.GetProperty("squaredAlpha").GetDouble(), table.SquaredAlphas[index], 1e-11, $"alpha^2[{index}]");
        }
    }

    [Fact]
    public void The_linear_table_is_that_of_the_DDPM_paper()
    {
        // Ho et al. 2020, section 4: T = 1000, beta from 1e-4 to 0.02; KL(q(x_T | x_0) || N(0, I)) is 1e-5 bits a dimension
        // because alpha-bar_T is 4.04e-5.
        var table = new LinearSchedule().ToTable(1000);
        AssertClose(1e-4, table.Betas[0], 1e-14);
        AssertClose(0.02, table.Betas[^1], 1e-14);
        Assert.Equal(4.04e-5, table.SquaredAlphas[^1], 5e-8);
    }

    [Fact]
    public void The_scaled_linear_table_has_the_known_range_of_levels()
    {
        // Stable Diffusion 1's noise levels as its samplers report them: 0.0292 to 14.6146.
        var process = new VariancePreserving { Schedule = new ScaledLinearSchedule().ToTable(1000) };
        Assert.Equal(0.0292, process.MinimumLevel, 5e-5);
        Assert.Equal(14.6146, process.MaximumLevel, 5e-5);
    }

    [Fact]
    public void No_beta_of_a_cosine_table_is_above_its_bound()
    {
        var table = new CosineSchedule().ToTable(1000);
        Assert.Equal(0.999, table.Betas.Max());
        Assert.Equal(0.999, table.Betas[^1]);
        Assert.Single(table.Betas, beta => beta == 0.999);
    }

    [Fact]
    public void Zero_terminal_tables_end_with_no_signal_and_keep_the_first_entry()
    {
        foreach (
            NoiseSchedule schedule in (NoiseSchedule[])[
                new LinearSchedule(), new ScaledLinearSchedule(), new CosineSchedule(), new SigmoidSchedule()])
        {
            var before = schedule.ToTable(1000);
            var table = (TableSchedule)before.WithZeroTerminalSnr();
            Assert.Equal((0, 1.0), (table.SquaredAlphas[^1], table.Betas[^1]));
            AssertClose(before.SquaredAlphas[0], table.SquaredAlphas[0], 1e-14);
            Assert.All(Enumerable.Range(0, 999), k => Assert.True(table.SquaredAlphas[k + 1] < table.SquaredAlphas[k]));
            Assert.Same(table, table.WithZeroTerminalSnr());
        }
    }

    [Fact]
    public void Where_no_signal_is_left_levels_start_at_4096()
    {
        foreach (
            var schedule in (NoiseSchedule[])[
                new CosineSchedule(), new SigmoidSchedule(), new LinearSchedule().WithZeroTerminalSnr(),
                new ScaledLinearSchedule().ToTable(1000).WithZeroTerminalSnr()])
        {
            AssertClose(4096, new VariancePreserving { Schedule = schedule }.MaximumLevel, 1e-8, $"{schedule}");
            Assert.InRange(schedule.MaximumTime, 0.99, 1);
        }
        AssertClose(4096, new FlowMatching().MaximumLevel, 1e-10);
        // The linear table is beyond that one step earlier: 15,406. Its levels still grow, to twice as much.
        var linear = new VariancePreserving { Schedule = new LinearSchedule().ToTable(1000).WithZeroTerminalSnr() };
        Assert.Equal(15_406, linear.Level(0.999), 1);
        AssertClose(2 * linear.Level(0.999), linear.MaximumLevel, 1e-6);
    }

    [Fact]
    public void Alpha_squared_and_std_squared_of_a_preserving_process_are_one() =>
        Gen.Select(AnySchedule, Gen.Double[0, 1]).Sample((schedule, part) =>
    {
        var process = new VariancePreserving { Schedule = schedule };
        double t = part * process.MaximumTime;
        Assert.Equal(1, Math.Pow(process.Alpha(t), 2) + Math.Pow(process.Std(t), 2), 1e-14);
        AssertClose(Math.Pow(process.Std(t), 2), new SubVariancePreserving { Schedule = schedule }.Std(t), 1e-12);
    }, iter: 2000);

    [Fact]
    public void Time_is_the_inverse_of_log_alpha() => Gen.Select(AnySchedule, Gen.Double[1e-6, 1]).Sample((schedule, part) =>
    {
        double t = part * schedule.MaximumTime;
        AssertClose(t, schedule.Time(schedule.LogAlpha(t)), 1e-9);
    }, iter: 2000);

    [Fact]
    public void A_schedule_starts_with_all_of_the_signal() => AnySchedule.Sample(schedule =>
    {
        Assert.Equal(0, schedule.LogAlpha(0));
        // the sigmoid takes a logarithm of up to 20, rounded at 4e-15, over a span as short as 0.01
        Assert.Equal(0, schedule.Time(0), 1e-12);
    }, iter: 300);

    [Fact]
    public void A_table_goes_through_its_entries_and_knows_their_betas() => Gen.Double[1e-5, 0.9].Array[1, 200].Sample(betas =>
    {
        var table = new TableSchedule(betas);
        double product = 1;
        for (int k = 0; k < betas.Length; k++)
        {
            product *= 1 - betas[k];
            double t = table.TimeOf(k);
            AssertClose(product, table.SquaredAlphas[k], 1e-10);
            AssertClose(product, Math.Exp(2 * table.LogAlpha(t)), 1e-10);
            AssertClose(-Math.Log(1 - betas[k]) * betas.Length, table.Beta(t), 1e-8);
            Assert.Equal(k, table.IndexAt(t), 1e-9);
            AssertClose(t, table.Time(table.LogAlpha(t)), 1e-12);
        }
        Assert.Equal(table, new TableSchedule(betas));
        Assert.Equal(table.GetHashCode(), new TableSchedule(betas).GetHashCode());
    }, iter: 100);

    [Fact]
    public void Tables_of_many_steps_come_near_the_continuous_schedule()
    {
        foreach (
            var schedule in (NoiseSchedule[])[
                new LinearSchedule(), new ScaledLinearSchedule(), new CosineSchedule(), new SigmoidSchedule(),
                new LinearSchedule().WithZeroTerminalSnr()])
        {
            var table = schedule.ToTable(20_000);
            for (double t = 0.05; t < 0.97; t += 0.05)
                AssertClose(schedule.LogAlpha(t), table.LogAlpha(t), 2e-3, $"{schedule} at {t}");
        }
    }

    [Fact]
    public void What_is_no_table_is_refused_by_name()
    {
        static string Message(Action action) => Assert.Throws<MezzotintException>(action).Message;
        Assert.Equal(
            "process.schedule.table_length = 0: must be between 1 and 1000000.", Message(() => _ = new TableSchedule([])));
        Assert.Equal(
            "betas[1] = 1: must be more than 0 and below 1 (the last may be 1).",
            Message(() => _ = new TableSchedule([0.1, 1, 0.1])));
        Assert.StartsWith("betas[0] = NaN:", Message(() => _ = new TableSchedule([double.NaN])), StringComparison.Ordinal);
        Assert.StartsWith(
            "process.schedule.table_length = 20: must be more than process.schedule.beta_max",
            Message(() => new LinearSchedule().ToTable(20)), StringComparison.Ordinal);
        Assert.StartsWith(
            "process.schedule.table_length = 12: must be more than process.schedule.beta_max",
            Message(() => new ScaledLinearSchedule().ToTable(12)), StringComparison.Ordinal);
        Assert.StartsWith(
            "process.schedule.table_length = -1:", Message(() => new CosineSchedule().ToTable(-1)), StringComparison.Ordinal);
        Assert.StartsWith(
            "process.schedule.table_length = 1:", Message(() => new TableSchedule([0.5]).WithZeroTerminalSnr()),
            StringComparison.Ordinal);
        Assert.StartsWith(
            "process.schedule.table_length = 9: must be 1,", Message(() => new TableSchedule([0.5]).ToTable(9)),
            StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new TableSchedule([0.5]).TimeOf(1));
        Assert.Throws<ArgumentException>(() => new ZeroTerminalSchedule(new CosineSchedule()));
    }
}
