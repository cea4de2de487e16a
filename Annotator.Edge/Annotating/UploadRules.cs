using System.Security.Cryptography;
using System.Text;
using Annotator.Core.Edge;

namespace Annotator.Edge.Annotating;

/// <summary>Which items are worth sending, by the centre's policy.</summary>
internal static class UploadRules
{
    /// <summary>Why an item is to be sent; what the model has not seen goes before what it is unsure of.</summary>
    public static EdgeReason ReasonOf(EdgePolicy policy, string key, EdgeOpinion opinion)
    {
        if (opinion.Familiarity < policy.NovelBelow) return EdgeReason.Novel;
        if (opinion.Confidence < policy.UploadBelow) return EdgeReason.Uncertain;
        return Draw(key) < policy.SampleShare ? EdgeReason.Sample : EdgeReason.None;
    }

    /// <summary>How much a person's look at an item is worth, for the order in which items are sent and given up: novel ones, then a sample, then the most uncertain.</summary>
    public static double WorthOf(EdgeReason reason, EdgeOpinion opinion) => reason switch
    {
        EdgeReason.Novel => 3 - opinion.Familiarity,
        EdgeReason.Sample => 1.5,
        EdgeReason.Uncertain => 1 - opinion.Confidence,
        _ => 0,
    };

    // A number in [0, 1) that is the key's own: an item that comes again is drawn again, or not again.
    private static double Draw(string key) => (BitConverter.ToUInt64(SHA256.HashData(Encoding.UTF8.GetBytes("sample:" + key))) >> 11) * (1.0 / (1UL << 53));
}
