namespace Annotator.Core.Learning.Acquisition;

/// <summary>The strategies there are. The product uses <see cref="Herding"/>; the others are for comparison.</summary>
public static class AcquisitionStrategies
{
    /// <summary>Coverage weighted by uncertainty, with a search for rare classes and a random control share: see <see cref="HerdingStrategy"/>.</summary>
    public static IAcquisitionStrategy Herding { get; } = new HerdingStrategy();

    /// <summary>All strategies, the plain random order first.</summary>
    public static IReadOnlyList<IAcquisitionStrategy> All { get; } =
    [
        new RandomStrategy(),
        new UncertaintyStrategy(UncertaintyMeasure.Margin),
        new UncertaintyStrategy(UncertaintyMeasure.Entropy),
        new UncertaintyStrategy(UncertaintyMeasure.LeastConfidence),
        new GradientStrategy(),
        new TypicalStrategy(),
        new MarginClusterStrategy(),
        Herding,
    ];
}
