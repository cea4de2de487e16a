namespace Annotator.Core.Items;

/// <summary>Placeholder so that documentation links resolve.</summary>
public static class ItemTransitions;
