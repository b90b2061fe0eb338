using Mezzotint.Engine;

namespace Mezzotint.Tests.Engine;

public unsafe class BufferPlanTests
{
    [Fact]
    public void Buffers_of_one_time_lie_apart_in_no_more_than_the_whole_and_at_vectors()
    {
        var random = new Random(4);
        for (int round = 0; round < 50; round++)
        {
            var plan = new BufferPlan();
            var asked = new List<(long Count, int From, int To)>();
            var given = new List<long>();
            for (int i = 0; i < 40; i++)
            {
                int from = random.Next(30);
                asked.Add((random.Next(1, 500), from, random.Next(from, 31)));
                given.Add(-1);
                int at = i;
                plan.Add(asked[i].Count, asked[i].From, asked[i].To, floats => given[at] = floats / sizeof(float));
            }
            long whole = plan.Place();
            plan.Give(null);
            for (int i = 0; i < asked.Count; i++)
            {
                Assert.InRange(given[i], 0, whole - asked[i].Count);
                Assert.Equal(0, given[i] % 16);
                for (int j = 0; j < i; j++)
                    Assert.True(asked[i].To < asked[j].From || asked[j].To < asked[i].From
                        || given[i] + asked[i].Count <= given[j] || given[j] + asked[j].Count <= given[i], $"{i} and {j}");
            }
            Assert.True(whole < asked.Sum(buffer => buffer.Count), "nothing is used again");
        }
    }

    [Fact]
    public void Buffers_one_after_the_other_take_the_place_of_the_largest()
    {
        var plan = new BufferPlan();
        foreach (var (count, step) in new[] { (64, 0), (160, 1), (32, 2) })
            plan.Add(count, step, step, _ => { });
        Assert.Equal(160, plan.Place());
    }
}
