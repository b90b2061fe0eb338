using Mezzotint.Models;
using Mezzotint.Networks;
using Mezzotint.Noise;
using Mezzotint.Settings;
using Mezzotint.Tests.Models;
using Mezzotint.Training;

namespace Mezzotint.Tests.Settings;

public class SettingsKindsTests
{
    [Fact]
    public void A_registered_record_is_written_and_read_back_under_its_name()
    {
        SettingsKinds.Register<LossWeighting, Steep>("test-steep");
        var info = SmallNetwork.Info with { Loss = new Steep { Power = 3.5 } };

        var read = ModelDescription.Parse(ModelDescription.Write(info), "config.json");

        Assert.Equal(new Steep { Power = 3.5 }, read.Loss);
    }

    [Fact]
    public void Registering_the_same_record_again_changes_nothing()
    {
        SettingsKinds.Register<LossWeighting, Steep>("test-steep");
        SettingsKinds.Register<LossWeighting, Steep>("test-steep");
        Assert.Single(SettingsKinds.Names(typeof(LossWeighting)), "test-steep");
    }

    [Fact]
    public void A_name_that_is_taken_is_refused_with_its_owner()
    {
        var fault = Assert.Throws<MezzotintException>(() => SettingsKinds.Register<LossWeighting, Flat>("edm"));
        Assert.Equal("the kind 'edm' is EdmWeighting; give Flat another name.", fault.Message);
    }

    [Fact]
    public void A_second_name_for_a_record_is_refused_with_the_first()
    {
        SettingsKinds.Register<LossWeighting, Steep>("test-steep");
        var fault = Assert.Throws<MezzotintException>(() => SettingsKinds.Register<LossWeighting, Steep>("test-steeper"));
        Assert.Equal("Steep has the name 'test-steep' already.", fault.Message);
    }

    [Theory]
    [InlineData("Steep")]
    [InlineData("a b")]
    [InlineData("a\u001b[31m")]
    public void A_name_with_other_characters_is_refused(string name) =>
        Assert.Contains(
            "lower-case", Assert.Throws<MezzotintException>(() => SettingsKinds.Register<LossWeighting, Flat>(name)).Message);

    [Fact]
    public void A_base_without_kinds_is_the_programs_mistake() =>
        Assert.Throws<ArgumentException>(() => SettingsKinds.Register<object, object>("thing"));

    [Fact]
    public void Names_of_the_library_are_unique_and_in_the_order_of_their_base()
    {
        Assert.Equal(["unet", "residual-unet", "unet-2d-condition"], SettingsKinds.Names(typeof(NetworkConfig)));
        Assert.Equal(["ve", "vp", "sub-vp", "edm", "flow"], SettingsKinds.Names(typeof(NoiseProcess)));
        Assert.Equal("x0", SettingsKinds.NameOf(new ImageParameterisation()));
    }

    private sealed record Steep : LossWeighting
    {
        public double Power { get; init; } = 2;

        protected override double OfImage(double level) => Math.Pow(level, -Power);
    }

    private sealed record Flat : LossWeighting
    {
        protected override double OfImage(double level) => 1;
    }
}
